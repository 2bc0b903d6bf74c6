// SPDX-License-Identifier: MPL-2.0
/**
 * Readiness: what select, poll and epoll watch, and how an object tells that it has changed.
 *
 * An object that can be waited for has a `poll_queue` for each set of events that change together. Whoever makes it ready calls
 * `poll_wake`, which wakes sleepers (`queue.wait`, for WAIT_UNTIL in read and write) and runs the callbacks of those who
 * watch. A wake-up that nobody watches costs two loads.
 *
 * Lock order: the object's lock → poll_queue.lock → epoll's own. Callbacks run with the queue's lock held, interrupts off.
 */
#pragma once

#include <cadre/list.h>
#include <cadre/object.h>
#include <cadre/sync.h>

/** Events, as poll(2) and epoll_ctl(2) number them. */
enum poll_events : u32 {
	POLL_IN = 0x1, POLL_PRI = 0x2, POLL_OUT = 0x4, POLL_ERR = 0x8, POLL_HUP = 0x10, POLL_NVAL = 0x20,
	POLL_RDNORM = 0x40, POLL_RDBAND = 0x80, POLL_WRNORM = 0x100, POLL_WRBAND = 0x200, POLL_MSG = 0x400,
	POLL_RDHUP = 0x2000,
};

struct poll_watch;
struct epoll_item;
/**
 * Called when `events` (0: unknown) may have become true. Interrupts are off; must not sleep, nor call poll_* on the same queue.
 * => whether somebody was woken by it: one exclusive watcher that says so is enough.
 */
typedef bool poll_fn(struct poll_watch *watch, u32 events);

struct poll_queue;
/** One watcher on one queue. Heap object of whoever watches. */
struct poll_watch {
	poll_fn *fn;                        /* [const] */
	struct object *owner;               /* [const] not counted: the watcher takes itself off before it goes */
	struct epoll_item *epoll_item;      /* [const] the owner by its own type, where it is one */
	struct poll_queue *queue;           /* where it is; under the queue's lock */
	bool exclusive;                     /* [const] while it is on a queue. EPOLLEXCLUSIVE: one of these is woken a wake-up */
	u64 key;                            /* the watcher's own */
	LIST_LINK(struct poll_watch) link;
};
OBJECT_DECLARE(poll_watch);
LIST_OF(poll_watch_list, struct poll_watch, link);

/** Part of the object that becomes ready. All zeroes is ready to use. */
struct poll_queue {
	struct wait_queue wait;             /* plain sleepers */
	struct irq_spin_lock lock;
	struct poll_watch_list watches GUARDED_BY(&lock);
};

/** Handed to a file's `poll`: who wants to be told. Null or no `add`: only the present state is asked for. */
struct poll_table {
	err_t (*add)(struct poll_table *scoped table, struct poll_queue *queue);
	struct object *owner;
	u64 key;
	err_t err;                          /* ENOMEM met on the way */
};

/** What poll_add does where somebody asks to be told. */
void poll_register(struct poll_table *scoped table, struct poll_queue *queue);
/** For a file's `poll`: registers the asker on `queue`, before the state is looked at. `queue` lives at least as long as the file. */
static inline void
poll_add(struct poll_table *scoped table, struct poll_queue *queue)
{
	if (table != nullptr && table->add != nullptr)
		poll_register(table, queue);
}
/** Wakes all sleepers and tells all watchers. Any context. */
void poll_wake(struct poll_queue *queue, u32 events);
/** The same, waking one sleeper only. => whether there was one */
bool poll_wake_one(struct poll_queue *queue, u32 events);
void poll_watch_add(struct poll_queue *queue, struct poll_watch *watch);
/** => nothing where it is on none; afterwards its callback runs nowhere. */
void poll_watch_remove(struct poll_watch *watch);
/**
 * For an object that goes away before its watchers (a thread's signalfd queue): takes all of them off, telling POLL_HUP.
 * The object must be freed by T_put_rcu: a watcher that takes itself off may be looking at the queue.
 */
void poll_queue_close(struct poll_queue *queue);
