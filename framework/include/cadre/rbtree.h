// SPDX-License-Identifier: MPL-2.0
/**
 * Typed red-black trees: ordered sets of items, through a field of them.
 *
 *	struct area { u64 start, end; RBTREE_LINK(struct area) link; };
 *	static int area_compare(const struct area *scoped a, const struct area *scoped b) { … }
 *	RBTREE_OF(area_tree, struct area, link, area_compare);
 *	static struct area_tree areas;          // all zeroes is the empty tree
 *	struct area *area = area_tree_floor(&areas, &(struct area){ .start = at });
 *
 * `compare` is below, equal to or above 0 as a comes before, with or behind b. Items that compare equal cannot be in
 * one tree. What it looks
 * at must not change while an item is in. A tree takes no reference and no lock: both are the caller's. The root and
 * the items' children change in one step each: who reads them by POINTER_LOAD without the lock, and finds out afterwards
 * whether the tree has changed, meets items of it only, present or former.
 * Source of the algorithm: Cormen et al., Introduction to Algorithms, 3rd ed., chapter 13.
 */
#pragma once

#include <cadre/log.h>

/** The field of an item that a tree goes through. All zeroes: in no tree. */
#define RBTREE_LINK(T) struct { T *child[2]; T *parent; bool red; }

/** Goes through the items in order. The tree must not change in the body. */
#define RBTREE_FOR(name, item, tree) for (auto item = name##_first(tree); item != nullptr; item = name##_next(item))

/**
 * Defines `struct name`, a tree of `T` through the field `link`, and its functions:
 *
 * - `bool name_empty(tree)`; `T *name_first(tree)`, `T *name_last(tree)`: null in an empty tree
 * - `T *name_next(item)`, `T *name_prev(item)`: null at the ends
 * - `T *name_find(tree, key)`: the item equal to `key`, a T of which only what `compare` looks at counts; or null
 * - `T *name_floor(tree, key)`, `T *name_ceiling(tree, key)`: the last item not above, the first not below `key`; or
 * null
 * - `bool name_insert(tree, item)`: => false where an equal one is in; traps where this one is
 * - `void name_remove(tree, item)`: => traps where it is not in
 */
#define RBTREE_OF(name, T, link, compare)                                                                              \
	struct name { T *root; };                                                                                      \
	[[maybe_unused]] static inline bool name##_empty(const struct name *scoped tree) { return tree->root == nullptr; } \
	[[maybe_unused]] static inline T *name##_edge_(T *item, u32 side)                                              \
	{                                                                                                              \
		while (item != nullptr && item->link.child[side] != nullptr)                                           \
			item = item->link.child[side];                                                                 \
		return item;                                                                                           \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_first(const struct name *scoped tree) { return name##_edge_(tree->root, 0); } \
	[[maybe_unused]] static inline T *name##_last(const struct name *scoped tree) { return name##_edge_(tree->root, 1); } \
	[[maybe_unused]] static inline T *name##_step_(T *item, u32 side)                                              \
	{                                                                                                              \
		if (item->link.child[side] != nullptr)                                                                 \
			return name##_edge_(item->link.child[side], 1 - side);                                         \
		while (item->link.parent != nullptr && item->link.parent->link.child[side] == item)                    \
			item = item->link.parent;                                                                      \
		return item->link.parent;                                                                              \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_next(T *item) { return name##_step_(item, 1); }                       \
	[[maybe_unused]] static inline T *name##_prev(T *item) { return name##_step_(item, 0); }                       \
	/* The equal item, else the nearest on `side` of the key: 0 below, 1 above. */                                 \
	[[maybe_unused]] static inline T *name##_near_(const struct name *scoped tree, const T *scoped key, u32 side)  \
	{                                                                                                              \
		T *at = tree->root, *best = nullptr;                                                                   \
		while (at != nullptr) {                                                                                \
			int order = compare(key, at);                                                                  \
			if (order == 0)                                                                                \
				return at;                                                                             \
			if ((order < 0) == (side == 1))                                                                \
				best = at;                                                                             \
			at = at->link.child[order > 0 ? 1 : 0];                                                        \
		}                                                                                                      \
		return best;                                                                                           \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_floor(const struct name *scoped tree, const T *scoped key)            \
	{                                                                                                              \
		return name##_near_(tree, key, 0);                                                                     \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_ceiling(const struct name *scoped tree, const T *scoped key)          \
	{                                                                                                              \
		return name##_near_(tree, key, 1);                                                                     \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_find(const struct name *scoped tree, const T *scoped key)             \
	{                                                                                                              \
		T *at = name##_near_(tree, key, 0);                                                                    \
		return at != nullptr && compare(key, at) == 0 ? at : nullptr;                                          \
	}                                                                                                              \
	/* Puts `to` (or nothing) where `from` hangs. */                                                               \
	[[maybe_unused]] static inline void name##_replace_(struct name *scoped tree, T *from, T *to)                  \
	{                                                                                                              \
		T *parent = from->link.parent;                                                                         \
		u32 side = parent != nullptr && parent->link.child[1] == from ? 1 : 0;                                 \
		__atomic_store_n(parent == nullptr ? &tree->root : &parent->link.child[side], to, __ATOMIC_RELEASE);   \
		if (to != nullptr)                                                                                     \
			to->link.parent = parent;                                                                      \
	}                                                                                                              \
	/* `item` goes down to `side`, its other child up. */                                                          \
	[[maybe_unused]] static inline void name##_rotate_(struct name *scoped tree, T *item, u32 side)                \
	{                                                                                                              \
		T *up = item->link.child[1 - side], *inner = up->link.child[side];                                     \
		name##_replace_(tree, item, up);                                                                       \
		__atomic_store_n(&item->link.child[1 - side], inner, __ATOMIC_RELEASE);                                \
		if (inner != nullptr)                                                                                  \
			inner->link.parent = item;                                                                     \
		__atomic_store_n(&up->link.child[side], item, __ATOMIC_RELEASE);                                       \
		item->link.parent = up;                                                                                \
	}                                                                                                              \
	[[maybe_unused]] static inline bool name##_red_(const T *scoped item) { return item != nullptr && item->link.red; } \
	/* No red item has a red child: `item` is red and new where it is. */                                          \
	[[maybe_unused]] static inline void name##_inserted_(struct name *scoped tree, T *item)                        \
	{                                                                                                              \
		T *parent = item->link.parent;                                                                         \
		while (name##_red_(parent)) {                                                                          \
			T *grand = parent->link.parent;                                                                \
			u32 side = grand->link.child[1] == parent ? 1 : 0;                                             \
			T *uncle = grand->link.child[1 - side];                                                        \
			grand->link.red = true;                                                                        \
			if (name##_red_(uncle)) {                                                                      \
				parent->link.red = uncle->link.red = false;                                            \
				item = grand;                                                                          \
				parent = item->link.parent;                                                            \
				continue;                                                                              \
			}                                                                                              \
			if (parent->link.child[1 - side] == item) {                                                    \
				name##_rotate_(tree, parent, side);                                                    \
				parent = item;                                                                         \
			}                                                                                              \
			parent->link.red = false;                                                                      \
			name##_rotate_(tree, grand, 1 - side);                                                         \
			break;                                                                                         \
		}                                                                                                      \
		tree->root->link.red = false;                                                                          \
	}                                                                                                              \
	[[maybe_unused]] static inline bool name##_insert(struct name *scoped tree, T *item)                           \
	{                                                                                                              \
		T *parent = nullptr, *at = tree->root;                                                                 \
		u32 side = 0;                                                                                          \
		assert(item->link.parent == nullptr && item->link.child[0] == nullptr && item->link.child[1] == nullptr && at != item); \
		while (at != nullptr) {                                                                                \
			int order = compare(item, at);                                                                 \
			if (order == 0)                                                                                \
				return false;                                                                          \
			parent = at;                                                                                   \
			side = order > 0 ? 1 : 0;                                                                      \
			at = at->link.child[side];                                                                     \
		}                                                                                                      \
		item->link.parent = parent;                                                                            \
		item->link.red = true;                                                                                 \
		__atomic_store_n(parent == nullptr ? &tree->root : &parent->link.child[side], item, __ATOMIC_RELEASE); \
		name##_inserted_(tree, item);                                                                          \
		return true;                                                                                           \
	}                                                                                                              \
	/* Paths through `at` (perhaps nothing), a child of `parent`, lack one black item. */                          \
	[[maybe_unused]] static inline void name##_removed_(struct name *scoped tree, T *at, T *parent)                \
	{                                                                                                              \
		while (parent != nullptr && !name##_red_(at)) {                                                        \
			u32 side = parent->link.child[1] == at ? 1 : 0;                                                \
			T *sibling = parent->link.child[1 - side];                                                     \
			if (name##_red_(sibling)) {                                                                    \
				sibling->link.red = false;                                                             \
				parent->link.red = true;                                                               \
				name##_rotate_(tree, parent, side);                                                    \
				sibling = parent->link.child[1 - side];                                                \
			}                                                                                              \
			if (!name##_red_(sibling->link.child[0]) && !name##_red_(sibling->link.child[1])) {            \
				sibling->link.red = true;                                                              \
				at = parent;                                                                           \
				parent = at->link.parent;                                                              \
				continue;                                                                              \
			}                                                                                              \
			if (!name##_red_(sibling->link.child[1 - side])) {                                             \
				sibling->link.child[side]->link.red = false;                                           \
				sibling->link.red = true;                                                              \
				name##_rotate_(tree, sibling, 1 - side);                                               \
				sibling = parent->link.child[1 - side];                                                \
			}                                                                                              \
			sibling->link.red = parent->link.red;                                                          \
			parent->link.red = false;                                                                      \
			sibling->link.child[1 - side]->link.red = false;                                               \
			name##_rotate_(tree, parent, side);                                                            \
			return;                                                                                        \
		}                                                                                                      \
		if (at != nullptr)                                                                                     \
			at->link.red = false;                                                                          \
	}                                                                                                              \
	/* The item behind `item` takes its place; for items with two children. Returns what hung below it, *parent where that hangs now. */ \
	[[maybe_unused]] static inline T *name##_displace_(struct name *scoped tree, T *item, T **scoped parent, bool *scoped red) \
	{                                                                                                              \
		T *heir = name##_edge_(item->link.child[1], 0), *below = heir->link.child[1];                          \
		*red = heir->link.red;                                                                                 \
		*parent = heir->link.parent == item ? heir : heir->link.parent;                                        \
		if (heir->link.parent != item) {                                                                       \
			name##_replace_(tree, heir, below);                                                            \
			__atomic_store_n(&heir->link.child[1], item->link.child[1], __ATOMIC_RELEASE);                 \
			heir->link.child[1]->link.parent = heir;                                                       \
		}                                                                                                      \
		name##_replace_(tree, item, heir);                                                                     \
		__atomic_store_n(&heir->link.child[0], item->link.child[0], __ATOMIC_RELEASE);                         \
		heir->link.child[0]->link.parent = heir;                                                               \
		heir->link.red = item->link.red;                                                                       \
		return below;                                                                                          \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_remove(struct name *scoped tree, T *item)                           \
	{                                                                                                              \
		T *parent = item->link.parent, *below;                                                                 \
		bool red = item->link.red;                                                                             \
		assert(parent != nullptr ? parent->link.child[0] == item || parent->link.child[1] == item : tree->root == item); \
		if (item->link.child[0] != nullptr && item->link.child[1] != nullptr) {                                \
			below = name##_displace_(tree, item, &parent, &red);                                           \
		} else {                                                                                               \
			below = item->link.child[item->link.child[0] == nullptr ? 1 : 0];                              \
			name##_replace_(tree, item, below);                                                            \
		}                                                                                                      \
		for (u32 side = 0; side < 2; side++)                                                                   \
			__atomic_store_n(&item->link.child[side], nullptr, __ATOMIC_RELEASE);                          \
		item->link.parent = nullptr;                                                                           \
		item->link.red = false;                                                                                \
		if (!red)                                                                                              \
			name##_removed_(tree, below, parent);                                                          \
	}                                                                                                              \
	static_assert(true)
