// SPDX-License-Identifier: MPL-2.0
/**
 * What the locks of sync/ share: the list of locks that the running code holds, and parking.
 *
 * The list lies in the task (the idle task's for boot and idle code). Interrupt handlers go on with the interrupted task's list, above
 * what it had (`irq_floor`): handlers nest, and leave nothing behind. So one number marks a place to release back to (debug/contain.c).
 *
 * Parking: tasks that wait for any word sleep in buckets hashed by the word's address. The word itself is never touched with a bucket
 * locked, since it lies in a service's memory and may fault. Order: bucket lock, then nothing; wake-ups happen after it is released.
 */
#pragma once

#include <cadre/sync.h>
#include <task/task_impl.h>

/** The step that all sleeping locks are made of. => false: *word is not *expected, and what it is is there now. */
static inline bool
word_cas(u32 *word, u32 *expected, u32 to)
{
	return __atomic_compare_exchange_n(word, expected, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

enum : u32 { LOCK_POISONED = 1u << 31 };   /* in an owner word, beside the id */

/** The task whose list counts here; the boot code's before there are tasks. Stable while preemption or interrupts are off, or it is the caller. */
struct task *lock_holder(struct cpu *cpu);
/** => misuse: the list is full, or it has the lock already. */
void lock_check(struct task *self, const void *lock);
void lock_push(struct task *self, void *lock, enum lock_kind kind);
/** => misuse: not in the list (above what an interrupt handler or a contained call found there). */
void lock_pop(struct task *self, const void *lock, enum lock_kind kind);
/** Whether the running task, or handler, has taken it. */
bool lock_held(const void *lock, enum lock_kind kind);

/** Preemption off once less, and interrupts back to `flags`. */
void preempt_restore(u64 flags);

/** Releases and poisons the locks that the running code took beyond the first `depth`: for containment. Interrupts off. */
void locks_release_to(u32 depth);
/* Release by containment: poisoned, and whoever called it is about to be stopped. */
void spin_abandon(struct task *self, struct spin_lock *lock, enum lock_kind kind);
void mutex_abandon(struct task *self, struct mutex *lock);
void rw_abandon(struct rw_lock *lock, enum lock_kind kind);

/**
 * Sleeps on `key` while *word is `expected`: OK once woken (or where the word differs), EINTR, ETIMEDOUT.
 * => who changes the word and then calls park_wake for the key wakes a task that found it unchanged, always: see park.c.
 * => `heir`: first in line, and park_take_heir may name it.
 */
err_t park_while(const void *key, const u32 *word, u32 expected, enum wait_mode mode, u64 deadline_ns, bool heir);
/** Ends a sleep that a trap cut short while the task was still in the queue: the word was in memory that is gone. Preemptible. */
void park_forget(struct task *self);
/** Wakes up to n tasks that sleep on the key, longest first; returns how many. Any context, no raw lock held. */
u32 park_wake(const void *key, u32 n);
/** Takes the first sleeper off the queue if it is an heir; it sleeps on until park_grant. Null: none. */
struct task *park_take_heir(const void *key);
void park_grant(struct task *task);
