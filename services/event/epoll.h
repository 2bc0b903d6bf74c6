// SPDX-License-Identifier: MPL-2.0
/**
 * epoll(7): sets of watched files, and lists of those that may be ready.
 *
 * An item is one (file, descriptor number) in one set. It watches the file's queues; a callback puts it on the ready list, and
 * epoll_wait asks the file whether it really is. Neither an item nor a set holds a reference to a watched file: when the last
 * reference to that goes, `epoll_file_gone` takes its items out first.
 *
 * Lock order: nest_lock → epoll.lock (an outer set's before an inner one's) → file.watch_lock → poll_queue.lock → epoll.ready_lock.
 * Invariant: an item is in `items` as long as item->linked; then its file is alive or waits for epoll.lock in epoll_file_gone.
 */
#pragma once

#include <file.h>
#include <poll.h>
#include <xarray.h>

enum epoll_flags : u32 { EPOLLEXCLUSIVE = 1u << 28, EPOLLWAKEUP = 1u << 29, EPOLLONESHOT = 1u << 30, EPOLLET = 1u << 31 };
enum : u32 {
	EPOLL_PRIVATE = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET,
	EPOLL_EXCLUSIVE_OK = POLL_IN | POLL_OUT | POLL_ERR | POLL_HUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE,
	EPOLL_NESTS_MAX = 4, EPOLL_WATCHES = 4,
};

struct epoll_item {
	struct poll_watch watches[EPOLL_WATCHES];
	u32 used;                           /* of watches; under epoll.lock */
	struct epoll *epoll;                /* [const] counted */
	struct file *file;                  /* [const] not counted; see the invariant */
	i32 fd;                             /* [const] */
	bool linked;                        /* in epoll.items; under epoll.lock */
	bool ready;                         /* on epoll.ready; under ready_lock */
	struct atomic32 events;             /* wanted, with EPOLL_PRIVATE; changed under epoll.lock */
	u64 data;                           /* under epoll.lock */
	struct epoll_item *same_fd;         /* the next one with this number, of another file; under epoll.lock */
	LIST_LINK(struct epoll_item) ready_link;
	struct epoll_item *file_next, *file_prev; /* the others that watch the file; under its watch_lock */
};
OBJECT_DECLARE(epoll_item);
XARRAY_OF(epoll_items, struct epoll_item);
LIST_OF(epoll_ready_list, struct epoll_item, ready_link);

struct epoll {
	struct mutex lock;
	struct epoll_items items GUARDED_BY(&lock);     /* by descriptor number; counted */
	struct irq_spin_lock ready_lock;
	struct epoll_ready_list ready GUARDED_BY(&ready_lock); /* counted by `items` */
	struct atomic32 ready_count;        /* changed under ready_lock */
	struct poll_queue queue;            /* those in epoll_wait, and what watches this set */
	struct file *file;                  /* [const] its own; not counted */
	struct user_account *user;          /* [const] counted: who is charged for the items */
	u64 visit;                          /* last walk that saw it; under nest_lock */
};
OBJECT_DECLARE(epoll);

static inline void
ready_count_add(struct epoll *epoll, u32 by) MUST_HOLD(&epoll->ready_lock)
{
	atomic32_store_relaxed(&epoll->ready_count, atomic32_load_relaxed(&epoll->ready_count) + by);
}

extern const struct file_ops epoll_ops;
static inline struct epoll *
epoll_of(struct file *file)
{
	return file_is(file, &epoll_ops) ? file->epoll : nullptr;
}

/* epoll_nest.c */
/** Whether `target` may be put into `epoll`: no cycles, no more than five deep. Takes nest_lock for as long as `add` runs. => ELOOP */
err_t epoll_nest_check(struct epoll *epoll, struct epoll *target) MUST_NOT_HOLD(&epoll->lock);
extern struct mutex epoll_nest_lock;

/* epoll_item.c */
struct epoll_item *epoll_find(struct epoll *epoll, struct file *file, i32 fd) MUST_HOLD(&epoll->lock);
/** Adds `file` and looks at it for the first time. => ENOSPC, ENOMEM */
err_t epoll_add(struct epoll *epoll, struct file *file, i32 fd, u32 events, u64 data) MUST_HOLD(&epoll->lock);
void epoll_change(struct epoll *epoll, struct epoll_item *item, u32 events, u64 data) MUST_HOLD(&epoll->lock);
void epoll_remove(struct epoll *epoll, struct epoll_item *item) MUST_HOLD(&epoll->lock);
/** Puts an item on the ready list, if it is not there. Any context. => whether it was not */
bool epoll_ready_push(struct epoll *epoll, struct epoll_item *item);
/** The events of an item that are true now. */
u32 epoll_item_ask(struct epoll_item *item, struct poll_table *scoped table);
void epoll_file_gone(struct file *file);

/** /proc/sys/fs/epoll/max_user_watches. */
u64 epoll_watches_max(void);
void epoll_watches_max_set(u64 value);

void event_init(void);
