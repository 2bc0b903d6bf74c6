// SPDX-License-Identifier: MPL-2.0
/**
 * Mutexes: one compare-and-swap where nobody contends; else spinning while the holder runs, then sleeping.
 *
 * Invariant: whoever sleeps has seen MUTEX_WAITED in the word with a holder, after queuing itself; so that holder's release finds it. A release
 * frees the word and wakes the first sleeper, which may lose to a passer-by; the second time it sleeps as heir, and the release
 * hands the mutex over to it.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>

enum : u32 { MUTEX_WAITED = 1u << 31, MUTEX_SPINS = 200 };

static bool
mutex_spin(struct mutex *lock, u32 self)
{
	for (u32 i = 0; i < MUTEX_SPINS; i++) {
		u32 word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
		if (word == 0 && word_cas(&lock->word, &word, self))
			return true;
		if ((word & MUTEX_WAITED) != 0 || (word != 0 && !sched_runs(word)))
			return false;
		arch_pause();
	}
	return false;
}

/** Who has slept does not know of others asleep: its word says that there may be some. */
static void
mutex_sleep(struct mutex *lock, u32 self)
{
	for (u32 tries = 0;; tries++) {
		u32 word = __atomic_load_n(&lock->word, __ATOMIC_SEQ_CST);
		if ((word & ~MUTEX_WAITED) == self)
			return;   /* handed over */
		if ((word & ~MUTEX_WAITED) == 0) {
			if (word_cas(&lock->word, &word, self | MUTEX_WAITED))
				return;
			continue;
		}
		if ((word & MUTEX_WAITED) == 0 && !word_cas(&lock->word, &word, word | MUTEX_WAITED))
			continue;
		(void)park_while(lock, &lock->word, word | MUTEX_WAITED, WAIT_PLAIN, TIME_NEVER, tries != 0);
	}
}

void
mutex_acquire(struct mutex *lock) NO_THREAD_SAFETY("implements the lock")
{
	task_check_may_sleep();
	struct task *self = task_self();
	u32 word = 0;
	lock_check(self, lock);
	if (!word_cas(&lock->word, &word, self->id) && !mutex_spin(lock, self->id))
		mutex_sleep(lock, self->id);
	lock_push(self, lock, LOCK_MUTEX);
}

bool
mutex_try_acquire(struct mutex *lock) NO_THREAD_SAFETY("implements the lock")
{
	if (in_handler())
		misuse("mutex in an interrupt handler");
	struct task *self = task_self();
	u32 word = 0;
	lock_check(self, lock);
	if (!word_cas(&lock->word, &word, self->id))
		return false;
	lock_push(self, lock, LOCK_MUTEX);
	return true;
}

static void
mutex_give(struct mutex *lock, u32 self)
{
	u32 word = self;
	if (word_cas(&lock->word, &word, 0) || (word & ~MUTEX_WAITED) != self)
		return;
	struct task *heir = park_take_heir(lock);
	if (heir != nullptr) {
		/* It is off the queue and asleep until granted, so its id stands. */
		__atomic_store_n(&lock->word, heir->id | MUTEX_WAITED, __ATOMIC_SEQ_CST);
		park_grant(heir);
		return;
	}
	__atomic_store_n(&lock->word, 0, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	park_wake(lock, 1);
}

void
mutex_release(struct mutex *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = task_self();
	lock_pop(self, lock, LOCK_MUTEX);
	mutex_give(lock, self->id);
}

void
mutex_abandon(struct task *self, struct mutex *lock)
{
	__atomic_store_n(&lock->poison, 1, __ATOMIC_RELAXED);
	mutex_give(lock, self->id);
}

bool mutex_held(const struct mutex *lock) { return lock_held(lock, LOCK_MUTEX); }

void
mutex_clear_poison(struct mutex *lock)
{
	if (!mutex_held(lock))
		misuse("poison cleared of a lock that is not held");
	__atomic_store_n(&lock->poison, 0, __ATOMIC_RELAXED);
}
