// SPDX-License-Identifier: MPL-2.0
/**
 * Futexes: sleeping until another thread says that a word of user memory has changed.
 *
 * A waiter stands in the bucket of its word's key, in order of arrival. It queues first, then reads the word, then sleeps if that still has
 * the value: whoever changes the word and then wakes finds it queued, or it finds the word changed.
 *
 * Lock order: pi_lock of a key (sleeping) → bucket locks, in the order of their numbers.
 *
 * Source: futex(2), get_robust_list(2).
 */
#pragma once

#include <thread.h>
#include <vm_map.h>

void futex_init(void);

/** Wakes up to `n` waiters on a word of the running thread's memory. => EINVAL (misaligned), EFAULT */
err_t futex_wake_at(uaddr_t at, bool shared, u32 n, u64 *scoped woken);
/** For clear_child_tid (set_tid_address(2)): wakes one, whatever comes of it. */
void futex_wake_one(uaddr_t at);
/**
 * Lets go of what the thread's robust list names, and hands over the PI futexes that it owns. By the thread itself as it exits or
 * executes another program, while it still has its map.
 */
void futex_exit_robust(struct thread *thread);
