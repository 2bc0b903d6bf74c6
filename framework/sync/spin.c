// SPDX-License-Identifier: MPL-2.0
/**
 * Spin locks: tickets, a mark of poison, and an entry in the holder's list.
 *
 * What can fault (the lock lies in a service's memory) comes before the list and the interrupt state change, so a fault leaves nothing behind
 * that containment does not know of.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>

static void
ticket_acquire(struct spin_lock *lock)
{
	u16 mine = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != mine)
		arch_pause();
}

/** The holder alone writes `serving`. */
static void
ticket_release(struct spin_lock *lock)
{
	__atomic_store_n(&lock->serving, (u16)(__atomic_load_n(&lock->serving, __ATOMIC_RELAXED) + 1), __ATOMIC_RELEASE);
}

static bool
ticket_try_acquire(struct spin_lock *lock)
{
	u16 serving = __atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE), next = serving;
	return __atomic_compare_exchange_n(&lock->next, &next, (u16)(serving + 1), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/** Preemption off, and the checks before a spin_lock is taken. */
static inline struct task *
spin_begin(const struct spin_lock *lock)
{
	/* Its holder may wait for this CPU to answer a call (a TLB flush), which it cannot do while it waits with interrupts off. */
	if (!arch_irq_enabled())
		misuse("spin_lock taken with interrupts off: it must be an irq_spin_lock");
	struct task *self = lock_self();
	lock_check(self, lock);
	arch_cpu_add(preempt_off, 1);
	return self;
}

void
spin_acquire(struct spin_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = spin_begin(lock);
	ticket_acquire(lock);
	lock_push(self, lock, LOCK_SPIN);
}

bool
spin_try_acquire(struct spin_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = spin_begin(lock);
	if (ticket_try_acquire(lock)) {
		lock_push(self, lock, LOCK_SPIN);
		return true;
	}
	preempt_leave();
	return false;
}

void
irq_spin_acquire(struct irq_spin_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	u64 flags = arch_irq_save();
	struct task *self = lock_self();
	lock_check(self, lock);
	arch_cpu_add(preempt_off, 1);
	ticket_acquire(&lock->lock);
	lock_push(self, &lock->lock, LOCK_IRQ_SPIN);
	if (self->nirq++ == 0)
		self->irq_flags = flags;
}

void
spin_release(struct spin_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	lock_pop(lock_self(), lock, LOCK_SPIN);
	ticket_release(lock);
	preempt_leave();
}

void
irq_spin_release(struct irq_spin_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	u64 flags = arch_irq_save();
	struct task *self = lock_self();
	lock_pop(self, &lock->lock, LOCK_IRQ_SPIN);
	if (--self->nirq == 0)
		flags = self->irq_flags;
	ticket_release(&lock->lock);
	preempt_restore(flags);
}

/** Interrupts stay off: containment goes back to the state at its frame. */
void
spin_abandon(struct task *self, struct spin_lock *lock, enum lock_kind kind)
{
	self->nirq -= kind == LOCK_IRQ_SPIN;
	__atomic_store_n(&lock->poison, LOCK_POISONED, __ATOMIC_RELAXED);
	ticket_release(lock);
}

bool spin_held(const struct spin_lock *lock) { return lock_held(lock, LOCK_SPIN); }

bool irq_spin_held(const struct irq_spin_lock *lock) { return lock_held(lock, LOCK_IRQ_SPIN); }

bool
spin_poisoned(const struct spin_lock *lock)
{
	return (__atomic_load_n(&lock->poison, __ATOMIC_RELAXED) & LOCK_POISONED) != 0;
}

void
spin_clear_poison(struct spin_lock *lock)
{
	if (!spin_held(lock))
		misuse("poison cleared of a lock that is not held");
	__atomic_fetch_and(&lock->poison, ~LOCK_POISONED, __ATOMIC_RELAXED);
}
