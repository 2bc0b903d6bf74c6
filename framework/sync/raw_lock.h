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

/** Interrupts off, or a raw lock held, to the end of the enclosing block. */
static inline void irq_off_scope_end(const u64 *flags) { arch_irq_restore(*flags); }
#define IRQ_OFF_SCOPE() const u64 SCOPE_CAT2_(irq_, SCOPE_NAME_) __attribute__((cleanup(irq_off_scope_end), unused)) = arch_irq_save()
static inline void raw_scope_end(struct raw_lock *const *lock) RELEASES(*lock) NO_THREAD_SAFETY("as LOCK_SCOPE_") { raw_release(*lock, 0); }
#define RAW_SCOPE(lock) IRQ_OFF_SCOPE(); LOCK_SCOPE_(raw_lock, (void)raw_acquire, raw_scope_end, lock)
