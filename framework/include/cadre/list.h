// SPDX-License-Identifier: MPL-2.0
/**
 * Typed lists: doubly linked, through a field of the items.
 *
 *	struct job { u32 id; LIST_LINK(struct job) link; };
 *	LIST_OF(job_list, struct job, link);
 *	static struct job_list jobs;            // all zeroes is the empty list
 *	job_list_push_back(&jobs, job);
 *	LIST_FOR(job_list, job, &jobs) log_info("{}", job->id);
 *
 * A list takes no reference and no lock: both are the caller's. The head changes in one step: POINTER_LOAD(list.head) says without
 * a lock whether there are items. An item is on one list at a time for each of its links;
 * taking off what is not on the list, and putting on what is on it already, trap.
 */
#pragma once

#include <cadre/log.h>

/** The field of an item that a list goes through. All zeroes: on no list. */
#define LIST_LINK(T) struct { T *next; T *prev; }

/** Goes through the items; `item` may be taken off (and freed) in the body of LIST_FOR_REMOVING alone. */
#define LIST_FOR(name, item, list) for (auto item = name##_first(list); item != nullptr; item = name##_next(item))
#define LIST_FOR_REMOVING(name, item, list)                                                                            \
	for (auto item = name##_first(list), list_next_ = name##_next_or_null_(item); item != nullptr;                 \
	     item = list_next_, list_next_ = name##_next_or_null_(item))

/**
 * Defines `struct name`, a list of `T` through the field `link`, and its functions:
 *
 * - `bool name_empty(list)`; `T *name_first(list)`, `T *name_last(list)`: null in an empty list
 * - `T *name_next(item)`, `T *name_prev(item)`: null at the ends
 * - `bool name_linked(list, item)`: whether the item is on this list (or, wrongly, within another)
 * - `void name_push_front(list, item)`, `name_push_back(list, item)`, `name_insert_before(list, at, item)`: => trap
 * where it is on it already
 * - `T *name_pop_front(list)`, `T *name_pop_back(list)`: takes an item off and returns it; null in an empty list
 * - `void name_remove(list, item)`: => traps where it is not on it
 */
#define LIST_OF(name, T, link)                                                                                         \
	struct name { T *head; T *tail; };                                                                             \
	[[maybe_unused]] static inline bool name##_empty(const struct name *scoped list) { return list->head == nullptr; } \
	[[maybe_unused]] static inline T *name##_first(const struct name *scoped list) { return list->head; }          \
	[[maybe_unused]] static inline T *name##_last(const struct name *scoped list) { return list->tail; }           \
	[[maybe_unused]] static inline T *name##_next(const T *scoped item) { return item->link.next; }                \
	[[maybe_unused]] static inline T *name##_prev(const T *scoped item) { return item->link.prev; }                \
	[[maybe_unused]] static inline T *name##_next_or_null_(const T *scoped item)                                   \
	{                                                                                                              \
		return item != nullptr ? item->link.next : nullptr;                                                    \
	}                                                                                                              \
	[[maybe_unused]] static inline bool name##_linked(const struct name *scoped list, const T *scoped item)        \
	{                                                                                                              \
		/* Each neighbour, or the list's end, must point back. */                                              \
		return (item->link.prev != nullptr ? item->link.prev->link.next : list->head) == item &&               \
		       (item->link.next != nullptr ? item->link.next->link.prev : list->tail) == item;                 \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_join_(struct name *scoped list, T *prev, T *next)                   \
	{                                                                                                              \
		if (prev != nullptr)                                                                                   \
			prev->link.next = next;                                                                        \
		else                                                                                                   \
			__atomic_store_n(&list->head, next, __ATOMIC_RELAXED);                                         \
		if (next != nullptr)                                                                                   \
			next->link.prev = prev;                                                                        \
		else                                                                                                   \
			list->tail = prev;                                                                             \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_insert_before(struct name *scoped list, T *at, T *item)             \
	{                                                                                                              \
		assert(item->link.next == nullptr && item->link.prev == nullptr && list->head != item);                \
		T *prev = at != nullptr ? at->link.prev : list->tail;                                                  \
		name##_join_(list, prev, item);                                                                        \
		name##_join_(list, item, at);                                                                          \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_push_front(struct name *scoped list, T *item)                       \
	{                                                                                                              \
		name##_insert_before(list, list->head, item);                                                          \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_push_back(struct name *scoped list, T *item)                        \
	{                                                                                                              \
		name##_insert_before(list, nullptr, item);                                                             \
	}                                                                                                              \
	[[maybe_unused]] static inline void name##_remove(struct name *scoped list, T *item)                           \
	{                                                                                                              \
		assert(name##_linked(list, item));                                                                     \
		name##_join_(list, item->link.prev, item->link.next);                                                  \
		item->link.next = nullptr;                                                                             \
		item->link.prev = nullptr;                                                                             \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_pop_front(struct name *scoped list)                                   \
	{                                                                                                              \
		T *item = list->head;                                                                                  \
		if (item != nullptr)                                                                                   \
			name##_remove(list, item);                                                                     \
		return item;                                                                                           \
	}                                                                                                              \
	[[maybe_unused]] static inline T *name##_pop_back(struct name *scoped list)                                    \
	{                                                                                                              \
		T *item = list->tail;                                                                                  \
		if (item != nullptr)                                                                                   \
			name##_remove(list, item);                                                                     \
		return item;                                                                                           \
	}                                                                                                              \
	static_assert(true)
