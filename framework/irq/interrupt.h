// SPDX-License-Identifier: MPL-2.0
/**
 * The context of interrupt handlers: what the interrupted code held is out of their reach.
 */
#pragma once

#include <cadre/irq.h>
#include <cpu/cpu.h>

/** irq_context, at once. */
static inline bool in_handler(void) { return arch_cpu_load(irq_depth) != 0; }
/** Device interrupts that came for no line. */
u64 irq_spurious_count(void);
