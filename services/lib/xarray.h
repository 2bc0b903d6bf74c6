// SPDX-License-Identifier: MPL-2.0
/**
 * Typed sparse arrays: from a u64 index to a pointer, as a radix tree of 64-way nodes.
 *
 *	XARRAY_OF(page_map, struct page);       // where it is used, in a header or a .c file
 *	XARRAY_DEFINE(page_map);                // in one .c file
 *	struct page_map pages;                  // all zeroes is the empty array
 *	RCU_SCOPE(); struct page *page = page_map_load(&pages, index);
 *
 * Loads take no lock and see each item whole, inside an RCU section (or under the writers' lock). Writers exclude each
 * other: their
 * lock is the caller's. Nodes are heap objects that go back after all readers are done. No reference to items is taken.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/log.h>
#include <cadre/object.h>

enum : u32 { XARRAY_BITS = 6, XARRAY_FANOUT = 1 << XARRAY_BITS, XARRAY_SHIFT_MAX = 60, XARRAY_LEVELS = 10 };

static inline u32
xarray_slot(u64 index, u32 shift)
{
	return (u32)(index >> shift) % XARRAY_FANOUT;
}

/** Whether a root with this shift reaches `index`. */
static inline bool
xarray_covers(u32 shift, u64 index)
{
	return shift >= XARRAY_SHIFT_MAX || index >> (shift + XARRAY_BITS) == 0;
}

/** Goes through the items from index `i` on, a u64 of the caller's that each round sets. */
#define XARRAY_FOR(name, i, item, array)                                                                               \
	for (auto item = name##_next((array), &(i)); item != nullptr;                                                  \
	     item = (i) != ~(u64)0 ? (i)++, name##_next((array), &(i)) : nullptr)

/** Defines the node types of array `name`. */
#define XARRAY_DEFINE(name)                                                                                            \
	OBJECT_DEFINE(name##_leaf);                                                                                    \
	OBJECT_DEFINE(name##_branch)

/**
 * Declares `struct name`, a sparse array of `T *`, and its functions:
 *
 * - `T *name_load(array, index)`: null where there is nothing
 * - `T *name_next(array, &index)`: the first item at or behind index, which is set to its place; null at the end
 * - `err_t name_insert(array, index, item)`: => EEXIST, ENOMEM
 * - `T *name_remove(array, index)`: what was there, or null
 * - `bool name_empty(array)`, `void name_clear(array)`: forgets all items
 */
#define XARRAY_OF(name, T)                                                                                             \
	struct name##_leaf { T *items[XARRAY_FANOUT]; u32 used; };                                                     \
	/* Level n's branches have shift 6 * n; those of level 1 have leaves below them, the others branches. */       \
	struct name##_branch {                                                                                         \
		struct name##_branch *branches[XARRAY_FANOUT];                                                         \
		struct name##_leaf *leaves[XARRAY_FANOUT];                                                             \
		u32 shift;                                                                                             \
		u32 used;                                                                                              \
	};                                                                                                             \
	struct name { struct name##_branch *root; };                                                                   \
	OBJECT_DECLARE(name##_leaf);                                                                                   \
	OBJECT_DECLARE(name##_branch);                                                                                 \
	[[maybe_unused]] static inline bool name##_empty(const struct name *scoped array)                              \
	{                                                                                                              \
		return POINTER_LOAD(array->root) == nullptr;                                                           \
	}                                                                                                              \
	/* The leaf for `index`; null: *shift says how much of the index the missing node stands for. */               \
	[[maybe_unused]] static inline struct name##_leaf *name##_leaf_at(const struct name *scoped array, u64 index, u32 *scoped shift) \
	{                                                                                                              \
		struct name##_branch *branch = POINTER_LOAD(array->root);                                              \
		*shift = XARRAY_SHIFT_MAX + XARRAY_BITS;                                                               \
		if (branch == nullptr || !xarray_covers(branch->shift, index))                                         \
			return nullptr;                                                                                \
		for (*shift = branch->shift; *shift > XARRAY_BITS; *shift -= XARRAY_BITS) {                            \
			branch = POINTER_LOAD(*ELEM(branch->branches, xarray_slot(index, *shift)));                    \
			if (branch == nullptr)                                                                         \
				return nullptr;                                                                        \
		}                                                                                                      \
		return POINTER_LOAD(*ELEM(branch->leaves, xarray_slot(index, XARRAY_BITS)));                           \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_load(const struct name *scoped array, u64 index)                      \
	{                                                                                                              \
		u32 shift = 0;                                                                                         \
		struct name##_leaf *leaf = name##_leaf_at(array, index, &shift);                                       \
		return leaf != nullptr ? POINTER_LOAD(*ELEM(leaf->items, xarray_slot(index, 0))) : nullptr;            \
	}                                                                                                              \
	/* The first item of a leaf at or behind slot `from`; *slot is its place. */                                   \
	[[maybe_unused]] static inline T *name##_leaf_next(struct name##_leaf *leaf, u32 from, u32 *scoped slot)       \
	{                                                                                                              \
		for (*slot = from; *slot < XARRAY_FANOUT; ++*slot) {                                                   \
			T *item = POINTER_LOAD(*ELEM(leaf->items, *slot));                                             \
			if (item != nullptr)                                                                           \
				return item;                                                                           \
		}                                                                                                      \
		return nullptr;                                                                                        \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_next(const struct name *scoped array, u64 *scoped index)              \
	{                                                                                                              \
		u64 at = *index;                                                                                       \
		for (;;) {                                                                                             \
			u32 shift = 0, slot = 0;                                                                       \
			struct name##_leaf *leaf = name##_leaf_at(array, at, &shift);                                  \
			T *item = leaf != nullptr ? name##_leaf_next(leaf, xarray_slot(at, 0), &slot) : nullptr;       \
			if (item != nullptr) {                                                                         \
				*index = align_down(at, XARRAY_FANOUT) + slot;                                         \
				return item;                                                                           \
			}                                                                                              \
			/* On to where the next node begins; there is none behind the last, or where the array ends. */ \
			if (shift > XARRAY_SHIFT_MAX || ~(u64)0 >> shift <= at >> shift)                               \
				return nullptr;                                                                        \
			at = ((at >> shift) + 1) << shift;                                                             \
		}                                                                                                      \
	}                                                                                                              \
	/* Raises the root until it covers `index`. */                                                                 \
	[[maybe_unused]] static inline err_t name##_grow(struct name *scoped array, u64 index)                         \
	{                                                                                                              \
		while (array->root == nullptr || !xarray_covers(array->root->shift, index)) {                          \
			struct name##_branch *root = name##_branch_alloc();                                            \
			if (root == nullptr)                                                                           \
				return ENOMEM;                                                                         \
			for (root->shift = XARRAY_BITS; array->root == nullptr && !xarray_covers(root->shift, index);) \
				root->shift += XARRAY_BITS;                                                            \
			if (array->root != nullptr) {                                                                  \
				root->shift = array->root->shift + XARRAY_BITS;                                        \
				root->branches[0] = array->root;                                                       \
				root->used = 1;                                                                        \
			}                                                                                              \
			POINTER_PUBLISH(array->root, root);                                                            \
		}                                                                                                      \
		return OK;                                                                                             \
	}                                                                                                              \
	/* The leaf for `index`, made with all that leads to it; null when memory is gone. */                          \
	[[maybe_unused]] static inline struct name##_leaf *name##_leaf_make(struct name *scoped array, u64 index)      \
	{                                                                                                              \
		if (name##_grow(array, index) != OK)                                                                   \
			return nullptr;                                                                                \
		struct name##_branch *branch = array->root;                                                            \
		for (u32 shift = branch->shift; shift > XARRAY_BITS; shift -= XARRAY_BITS) {                           \
			struct name##_branch *below = branch->branches[xarray_slot(index, shift)];                     \
			if (below == nullptr) {                                                                        \
				below = name##_branch_alloc();                                                         \
				if (below == nullptr)                                                                  \
					return nullptr;                                                                \
				below->shift = shift - XARRAY_BITS;                                                    \
				POINTER_PUBLISH(*ELEM(branch->branches, xarray_slot(index, shift)), below);            \
				branch->used++;                                                                        \
			}                                                                                              \
			branch = below;                                                                                \
		}                                                                                                      \
		struct name##_leaf *leaf = branch->leaves[xarray_slot(index, XARRAY_BITS)];                            \
		if (leaf == nullptr) {                                                                                 \
			leaf = name##_leaf_alloc();                                                                    \
			if (leaf == nullptr)                                                                           \
				return nullptr;                                                                        \
			POINTER_PUBLISH(*ELEM(branch->leaves, xarray_slot(index, XARRAY_BITS)), leaf);                 \
			branch->used++;                                                                                \
		}                                                                                                      \
		return leaf;                                                                                           \
	}                                                                                                              \
	/* Takes off roots that only lead to what the first branch below them has. Who stands on one goes on from it. */ \
	[[maybe_unused]] static inline void name##_lower(struct name *scoped array)                                    \
	{                                                                                                              \
		struct name##_branch *root = array->root;                                                              \
		for (; root != nullptr && root->used == 1 && root->branches[0] != nullptr; root = array->root) {       \
			POINTER_PUBLISH(array->root, root->branches[0]);                                               \
			name##_branch_put_rcu(root);                                                                   \
		}                                                                                                      \
	}                                                                                                              \
	/* Takes off the nodes on the way to `index` that have become empty, from below. */                            \
	[[maybe_unused]] static inline void name##_trim(struct name *scoped array, u64 index)                          \
	{                                                                                                              \
		struct name##_branch *path[XARRAY_LEVELS] = {};                                                        \
		struct name##_branch *branch = array->root;                                                            \
		u32 depth = 0;                                                                                         \
		if (branch != nullptr && !xarray_covers(branch->shift, index))                                         \
			return;                                                                                        \
		while (branch != nullptr && depth < XARRAY_LEVELS) {                                                   \
			path[depth++] = branch;                                                                        \
			branch = branch->shift > XARRAY_BITS ? branch->branches[xarray_slot(index, branch->shift)] : nullptr; \
		}                                                                                                      \
		for (; depth > 0; depth--) {                                                                           \
			branch = path[depth - 1];                                                                      \
			struct name##_leaf *leaf = branch->leaves[xarray_slot(index, XARRAY_BITS)];                    \
			if (branch->shift == XARRAY_BITS && leaf != nullptr && leaf->used == 0) {                      \
				POINTER_PUBLISH(*ELEM(branch->leaves, xarray_slot(index, XARRAY_BITS)), nullptr);      \
				branch->used--;                                                                        \
				name##_leaf_put_rcu(leaf);                                                             \
			}                                                                                              \
			if (branch->used != 0)                                                                         \
				break;                                                                                 \
			if (depth == 1) {                                                                              \
				POINTER_PUBLISH(array->root, nullptr);                                                 \
			} else {                                                                                       \
				struct name##_branch *above = path[depth - 2];                                         \
				POINTER_PUBLISH(*ELEM(above->branches, xarray_slot(index, above->shift)), nullptr);    \
				above->used--;                                                                         \
			}                                                                                              \
			name##_branch_put_rcu(branch);                                                                 \
		}                                                                                                      \
		name##_lower(array);                                                                                   \
	}                                                                                                              \
	[[maybe_unused]] static inline err_t name##_insert(struct name *scoped array, u64 index, T *item)              \
	{                                                                                                              \
		assert(item != nullptr);                                                                               \
		struct name##_leaf *leaf = name##_leaf_make(array, index);                                             \
		if (leaf == nullptr) {                                                                                 \
			name##_trim(array, index);                                                                     \
			return ENOMEM;                                                                                 \
		}                                                                                                      \
		if (leaf->items[xarray_slot(index, 0)] != nullptr)                                                     \
			return EEXIST;                                                                                 \
		POINTER_PUBLISH(*ELEM(leaf->items, xarray_slot(index, 0)), item);                                      \
		leaf->used++;                                                                                          \
		return OK;                                                                                             \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_remove(struct name *scoped array, u64 index)                          \
	{                                                                                                              \
		u32 shift = 0;                                                                                         \
		struct name##_leaf *leaf = name##_leaf_at(array, index, &shift);                                       \
		T *item = leaf != nullptr ? leaf->items[xarray_slot(index, 0)] : nullptr;                              \
		if (item != nullptr) {                                                                                 \
			POINTER_PUBLISH(*ELEM(leaf->items, xarray_slot(index, 0)), nullptr);                           \
			leaf->used--;                                                                                  \
			name##_trim(array, index);                                                                     \
		}                                                                                                      \
		return item;                                                                                           \
	}                                                                                                              \
	/* Puts `item` where another one stands: cannot fail. => traps where none stands */                             \
	[[maybe_unused]] static inline void name##_replace(struct name *scoped array, u64 index, T *item)              \
	{                                                                                                              \
		u32 shift = 0;                                                                                         \
		struct name##_leaf *leaf = name##_leaf_at(array, index, &shift);                                       \
		assert(leaf != nullptr && leaf->items[xarray_slot(index, 0)] != nullptr && item != nullptr);           \
		POINTER_PUBLISH(*ELEM(leaf->items, xarray_slot(index, 0)), item);                                      \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_clear(struct name *scoped array)                                    \
	{                                                                                                              \
		for (u64 index = 0; name##_next(array, &index) != nullptr;)                                            \
			(void)name##_remove(array, index);                                                             \
	}                                                                                                              \
	static_assert(true)
