// SPDX-License-Identifier: MPL-2.0
/**
 * Spin locks. Any bit pattern is a valid lock, so none is ever "corrupt": a lock in reused memory can at worst block.
 *
 * `spin_lock` is for tasks: holding it disables preemption. Taking it with interrupts off (in an interrupt handler, or inside an irq_spin_lock)
 * traps. `irq_spin_lock` is for data shared with interrupt handlers and timers: holding it disables interrupts as well. One lock has one
 * kind and the two kinds nest one way, so the classic deadlock (a handler interrupts the holder) cannot be written.
 *
 * Taking a lock twice, releasing one that this task does not hold, returning to user mode or sleeping with one held, holding
 * more than 16 locks of all kinds at once (8 more in a handler): all trap. Locks held by a service that traps are released and marked poisoned.
 */
#pragma once

#include <cadre/types.h>

struct CAPABILITY("spin_lock") OPAQUE spin_lock {
	PRIVATE u16 next, serving;  /* tickets: the next to be drawn, the holder's */
	PRIVATE u32 poison;         /* bit 31: poisoned; the holder is who has it in its list */
};

struct CAPABILITY("irq_spin_lock") OPAQUE irq_spin_lock {
	PRIVATE struct spin_lock lock;  /* interrupts stay off until the holder has released its last irq_spin_lock, in whatever order */
};

void spin_acquire(struct spin_lock *scoped lock) ACQUIRES(lock);
void spin_release(struct spin_lock *scoped lock) RELEASES(lock);
bool spin_try_acquire(struct spin_lock *scoped lock) TRY_ACQUIRES(true, lock);
void irq_spin_acquire(struct irq_spin_lock *scoped lock) ACQUIRES(lock);
void irq_spin_release(struct irq_spin_lock *scoped lock) RELEASES(lock);
/** Whether the calling task (or interrupt handler) holds the lock: for assertions. */
bool spin_held(const struct spin_lock *scoped lock);
bool irq_spin_held(const struct irq_spin_lock *scoped lock);
/** Whether a holder trapped, so that what the lock guards may be half changed. `_clear_poison`: the caller has mended it. */
bool spin_poisoned(const struct spin_lock *scoped lock);
void spin_clear_poison(struct spin_lock *scoped lock) MUST_HOLD(lock);

#define SCOPE_CAT_(a, b)  a##b
#define SCOPE_CAT2_(a, b) SCOPE_CAT_(a, b)
#define SCOPE_NAME_       SCOPE_CAT2_(scope_, SCOPE_CAT2_(__LINE__, _))
/** Takes a lock and releases it at the end of the enclosing block, however that is left. */
#define LOCK_SCOPE_(type, acquire, end, lock)                                                                          \
	struct type *const SCOPE_NAME_ __attribute__((cleanup(end), unused)) = ({ struct type *const scope_lock_ = (lock); acquire(lock); scope_lock_; })

PRIVATE static inline void spin_scope_end(struct spin_lock *const *p) RELEASES(*p) NO_THREAD_SAFETY("releases through the guard") { spin_release(*p); }
PRIVATE static inline void irq_spin_scope_end(struct irq_spin_lock *const *p) RELEASES(*p) NO_THREAD_SAFETY("releases through the guard") { irq_spin_release(*p); }

#define SPIN_SCOPE(lock)     LOCK_SCOPE_(spin_lock, spin_acquire, spin_scope_end, lock)
#define IRQ_SPIN_SCOPE(lock) LOCK_SCOPE_(irq_spin_lock, irq_spin_acquire, irq_spin_scope_end, lock)
