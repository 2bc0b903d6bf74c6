// SPDX-License-Identifier: MPL-2.0
/**
 * Interrupt lines of devices.
 *
 * A line belongs to whoever acquired it; the lines that the framework itself uses cannot be had. Handlers run with
 * interrupts off, so they never nest, and must be short: they quiet the device and wake a task or queue work. A
 * handler that traps has its line masked for good, and the log says so.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

struct irq_line;
/** => true where the device had raised it: for statistics. Lines are not shared. */
typedef bool irq_fn(struct object *arg);
enum irq_trigger : u8 { IRQ_EDGE_HIGH, IRQ_LEVEL_LOW, IRQ_LEVEL_HIGH, IRQ_DEFAULT };

/**
 * Acquires global system interrupt `gsi` (ISA numbers are mapped as the firmware's tables say), unmasked, to CPU `cpu`.
 * => EBUSY where the framework or another holds it, EINVAL where there is no such input, ENOSPC without a free vector.
 */
err_t irq_line_acquire(u32 gsi, enum irq_trigger trigger, irq_fn *fn, struct object *arg, u32 cpu, struct irq_line **scoped out);
/** Masks it and waits until its handler runs nowhere; nothing arrives for it afterwards. => traps in interrupt context. */
void irq_line_release(struct irq_line *line);
void irq_line_set_mask(struct irq_line *line, bool masked);
static inline void irq_line_mask(struct irq_line *line) { irq_line_set_mask(line, true); }
static inline void irq_line_unmask(struct irq_line *line) { irq_line_set_mask(line, false); }
u64 irq_line_count(struct irq_line *line);   /**< interrupts taken */
/** Whether this is an interrupt handler (or a timer's function). */
bool irq_context(void);
