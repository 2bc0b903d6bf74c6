// SPDX-License-Identifier: MPL-2.0
/**
 * Timer events inside the framework: what timers and sleeping tasks are made of. Each lies in its owner's memory.
 */
#pragma once

#include <cadre/rbtree.h>
#include <cadre/time.h>

struct timer_event {
	u64 deadline_ns;                       /* all but cpu and fn: guarded by the lock of the queue of `cpu` */
	RBTREE_LINK(struct timer_event) link;
	void (*fn)(struct timer_event *);      /* [const] runs in interrupt context */
	u32 cpu;                               /* [atomic] whose queue it belongs to; changed with that queue locked, while not in it */
	bool queued;
};

/** Any context. => true: it was set before, and had not begun to run. */
bool timer_event_set(struct timer_event *event, u64 deadline_ns);
/** The same; its function may still be running. */
static inline bool timer_event_cancel(struct timer_event *event) { return timer_event_set(event, TIME_NEVER); }
/** When the scheduler wants a look at this CPU's running task: sched_tick() is called then. Interrupts off. */
void timer_tick_set(u64 deadline_ns);
