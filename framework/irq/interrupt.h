// SPDX-License-Identifier: MPL-2.0
/**
 * The context of interrupt handlers: what the interrupted code held is out of their reach.
 */
#pragma once

#include <cadre/irq.h>
#include <cpu/cpu.h>

/** How many locks of the list below belong to the interrupted code; 0 outside of handlers. Interrupts or preemption off, or in a task. */
u32 irq_floor_locks(void);
u32 irq_floor_rcu(void);
/** How often the interrupted code had called preempt_disable. */
u32 irq_floor_preempt(void);
/** Device interrupts that came for no line. */
u64 irq_spurious_count(void);
