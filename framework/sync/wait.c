// SPDX-License-Identifier: MPL-2.0
/**
 * Wait queues: a sequence word to park on, and a count that makes waking nobody cheap.
 *
 * The waiter counts itself in, reads the sequence, then looks at its condition; the waker makes the condition true, then looks at the count: one
 * of the two sees the other (both are full fences). A waker that sees a waiter moves the sequence, so a waiter that has
 * looked too early does not sleep (sync/park.c).
 */
#include <sync/lock.h>

u32
wait_prepare(struct wait_queue *queue)
{
	__atomic_fetch_add(&queue->waiters, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&queue->sequence, __ATOMIC_SEQ_CST);
}

err_t
wait_sleep(struct wait_queue *queue, u32 ticket, enum wait_mode mode, u64 deadline_ns)
{
	return park_while(queue, &queue->sequence, ticket, mode, deadline_ns, false);
}

void
wait_finish(struct wait_queue *queue)
{
	__atomic_fetch_sub(&queue->waiters, 1, __ATOMIC_RELAXED);
}

u32
wake_many(struct wait_queue *queue, u32 n)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&queue->waiters, __ATOMIC_RELAXED) == 0)
		return 0;
	__atomic_fetch_add(&queue->sequence, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return park_wake(queue, n);
}
