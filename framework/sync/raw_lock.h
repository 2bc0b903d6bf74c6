// SPDX-License-Identifier: MPL-2.0
/**
 * The framework's own spin lock: interrupts off while held, no owner, no services. A fault with one held is fatal.
 */
#pragma once

#include <cpu/cpu.h>

struct CAPABILITY("raw_lock") raw_lock {
	u32 next, serving;   /* tickets */
};

static inline u64
raw_acquire(struct raw_lock *lock) ACQUIRES(lock) NO_THREAD_SAFETY("implements the lock")
{
	u64 flags = arch_irq_save();
	this_cpu()->raw_depth++;
	u32 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket)
		arch_pause();
	return flags;
}

static inline void
raw_release(struct raw_lock *lock, u64 flags) RELEASES(lock) NO_THREAD_SAFETY("implements the lock")
{
	__atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
	this_cpu()->raw_depth--;
	arch_irq_restore(flags);
}
