// SPDX-License-Identifier: MPL-2.0
/**
 * Epoll sets in epoll sets: no cycles, no more than five deep (epoll_ctl(2), ELOOP).
 *
 * All changes that put a set into another are made under one lock, so that what is checked stays true.
 */
#include "epoll.h"

struct mutex epoll_nest_lock;
static u64 visits GUARDED_BY(&epoll_nest_lock);

/** How deep sets lie in `epoll`, itself not counted; more than the most where `epoll` leads to `outer`. */
static u32
depth_below(struct epoll *epoll, struct epoll *outer, u32 level) MUST_HOLD(&epoll_nest_lock)
{
	if (epoll == outer || level > EPOLL_NESTS_MAX)
		return EPOLL_NESTS_MAX + 1;
	MUTEX_SCOPE(&epoll->lock);
	u32 deepest = 0;
	u64 i = 0;
	/* Under the lock nobody changes the array, so no RCU section is needed, in which nothing could be locked. */
	XARRAY_FOR(epoll_items, i, first, &epoll->items) {
		for (struct epoll_item *item = first; item != nullptr; item = item->same_fd) {
			struct epoll *inner = epoll_of(item->file);
			if (inner != nullptr && inner->visit != visits)
				deepest = MAX(deepest, 1 + depth_below(inner, outer, level + 1));
		}
	}
	epoll->visit = visits;
	return deepest;
}

static u32 depth_above(struct epoll *epoll, u32 level) MUST_HOLD(&epoll_nest_lock);

/** The n-th set that `epoll` is in, with a reference; null behind the last. */
static struct epoll *
outer_at(struct epoll *epoll, u32 n)
{
	struct file *file = epoll->file;
	SPIN_SCOPE(&file->watch_lock);
	struct epoll_item *item = file->watched_by;
	for (; item != nullptr && n > 0; n--)
		item = item->file_next;
	if (item == nullptr)
		return nullptr;
	epoll_get(item->epoll);
	return item->epoll;
}

/** How many sets lie around `epoll`, at most. */
static u32
depth_above(struct epoll *epoll, u32 level)
{
	u32 highest = 0;
	if (level > EPOLL_NESTS_MAX)
		return 0;
	for (u32 n = 0;; n++) {
		REF_SCOPE(epoll, outer);
		outer = outer_at(epoll, n);
		if (outer == nullptr)
			return highest;
		highest = MAX(highest, 1 + depth_above(outer, level + 1));
	}
}

err_t
epoll_nest_check(struct epoll *epoll, struct epoll *target) NO_THREAD_SAFETY("the caller holds epoll_nest_lock")
{
	visits += 1;
	u32 below = depth_below(target, epoll, 0);
	if (below > EPOLL_NESTS_MAX)
		return ELOOP;
	return below + 1 + depth_above(epoll, 0) > EPOLL_NESTS_MAX ? ELOOP : OK;
}
