// SPDX-License-Identifier: MPL-2.0
/**
 * Poll queues: telling sleepers and watchers that an object has become ready.
 *
 * No event is lost: a watcher is put on the queue, then (full fence) looks at the object's state; who changes the state does so, then (full fence)
 * looks whether anybody is on the queue. One of the two sees the other.
 *
 * Exclusive watchers stand behind all others, so that a walk can end with the first of them that woke somebody.
 */
#include "poll.h"

#include <cadre/atomic.h>

OBJECT_DEFINE(poll_watch);

void
poll_register(struct poll_table *scoped table, struct poll_queue *queue)
{
	if (table->err == OK)
		table->err = table->add(table, queue);
}

static void
watches_tell(struct poll_queue *queue, u32 events)
{
	IRQ_SPIN_SCOPE(&queue->lock);
	LIST_FOR(poll_watch_list, watch, &queue->watches) {
		if (watch->fn(watch, events) && watch->exclusive)
			return;
	}
}

/** The fence between the caller's change and this load is in the wake-up of the sleepers. */
static inline bool
poll_watched(struct poll_queue *queue) NO_THREAD_SAFETY("only whether there is any; see the head of the file")
{
	return POINTER_LOAD(queue->watches.head) != nullptr;
}

void
poll_wake(struct poll_queue *queue, u32 events)
{
	(void)wake_all(&queue->wait);
	if (__builtin_expect(poll_watched(queue), false))
		watches_tell(queue, events);
}

bool
poll_wake_one(struct poll_queue *queue, u32 events)
{
	bool woken = wake_one(&queue->wait) != 0;
	if (__builtin_expect(poll_watched(queue), false))
		watches_tell(queue, events);
	return woken;
}

void
poll_watch_add(struct poll_queue *queue, struct poll_watch *watch)
{
	{
		IRQ_SPIN_SCOPE(&queue->lock);
		assert(watch->queue == nullptr && watch->fn != nullptr);
		if (watch->exclusive)
			poll_watch_list_push_back(&queue->watches, watch);
		else
			poll_watch_list_push_front(&queue->watches, watch);
		watch->queue = queue;
	}
	atomic_fence();
}

void
poll_watch_remove(struct poll_watch *watch)
{
	RCU_SCOPE();
	struct poll_queue *queue = POINTER_LOAD(watch->queue);
	if (queue == nullptr)
		return;
	IRQ_SPIN_SCOPE(&queue->lock);
	if (watch->queue != queue)
		return;
	poll_watch_list_remove(&queue->watches, watch);
	watch->queue = nullptr;
}

void
poll_queue_close(struct poll_queue *queue)
{
	{
		IRQ_SPIN_SCOPE(&queue->lock);
		for (struct poll_watch *watch = poll_watch_list_pop_front(&queue->watches); watch != nullptr;
		     watch = poll_watch_list_pop_front(&queue->watches)) {
			(void)watch->fn(watch, POLL_HUP);
			POINTER_PUBLISH(watch->queue, nullptr);
		}
	}
	(void)wake_all(&queue->wait);
}
