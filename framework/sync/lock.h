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
#include <irq/interrupt.h>
#include <task/task_impl.h>

/** The step that all sleeping locks are made of. => false: *word is not *expected, and what it is is there now. */
static inline bool
word_cas(u32 *word, u32 *expected, u32 to)
{
	return __atomic_compare_exchange_n(word, expected, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

enum : u32 { LOCK_POISONED = 1u << 31 };

/** The task whose list counts here; the boot code's before there are tasks. Stable while preemption or interrupts are off, or it is the caller. */
struct task *lock_holder(struct cpu *cpu);
static inline struct task *
lock_self(void)
{
	struct task *self = task_self();
	return __builtin_expect(self != nullptr, 1) ? self : lock_holder(this_cpu());
}

/** How many locks the running code may hold, with what it found held. */
u32 lock_limit(const struct task *self);
/** => misuse: the list is full, or it has the lock already. */
static inline void
lock_check(const struct task *self, const void *lock)
{
	/* The list keeps the lock's address until the release, which a stack frame may not live to see. */
	if ((u64)lock - STACK_BASE < STACK_END - STACK_BASE)
		misuse("a lock on a stack");
	u32 n = self->nlocks;
	if (n >= TASK_LOCKS_MAX && n >= lock_limit(self))
		misuse("too many locks held at once");
	while (n > 0)
		if (self->locks[--n].lock == lock)
			misuse("lock taken that is held already");
}

/** An interrupt's handler goes on with the list above: so an entry is counted before it is written, and says null until then. */
static inline void
lock_push(struct task *self, void *lock, enum lock_kind kind)
{
	struct held_lock *held = &self->locks[self->nlocks];
	self->nlocks++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	held->kind = kind;
	held->lock = lock;
	self->nspin += kind <= LOCK_IRQ_SPIN;
}
/** => misuse: not in the list (above what an interrupt handler or a contained call found there). */
__attribute__((preserve_most)) void lock_pop_any(struct task *self, const void *lock, enum lock_kind kind);
static inline void
lock_pop(struct task *self, const void *lock, enum lock_kind kind)
{
	u32 i = self->nlocks - 1;
	const struct contain_frame *frame = self->contain;
	if (in_handler() || i >= TASK_LOCKS_MAX || self->locks[i].lock != lock || self->locks[i].kind != kind ||
	    frame == nullptr || i < frame->nlocks) {
		lock_pop_any(self, lock, kind);
		return;
	}
	self->nspin -= kind <= LOCK_IRQ_SPIN;
	self->locks[i].lock = nullptr;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->nlocks = i;
}
/** Whether the running task, or handler, has taken it. */
bool lock_held(const void *lock, enum lock_kind kind);

/** Preemption off once less; and interrupts back to `flags`. */
static inline void
preempt_leave(void)
{
	arch_cpu_add(preempt_off, -1);
	if (__builtin_expect(arch_cpu_load(resched) != 0, 0))
		preempt_check();
}
static inline void
preempt_restore(u64 flags)
{
	arch_cpu_add(preempt_off, -1);
	arch_irq_restore(flags);
	if (__builtin_expect(arch_cpu_load(resched) != 0, 0))
		preempt_check();
}

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
