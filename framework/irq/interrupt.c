// SPDX-License-Identifier: MPL-2.0
/**
 * Entry to and exit from interrupts: the handlers' context.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <sync/rcu.h>

/** The interrupted code, per CPU. Handlers do not nest, so one is enough. */
static struct irq_floor {
	u32 preempt_off, locks, rcu, preempt;
	bool quiet;                             /* it was idle or in user mode */
} floors[CPU_MAX] __attribute__((aligned(64)));   /* [self] */

/** This CPU's floor while in a handler; else null. */
static const struct irq_floor *
floor_here(void)
{
	IRQ_OFF_SCOPE();
	const struct cpu *cpu = this_cpu();
	return cpu->irq_depth != 0 ? &floors[cpu->id] : nullptr;
}

bool irq_context(void) { return floor_here() != nullptr; }
u32 irq_floor_locks(void) { const struct irq_floor *f = floor_here(); return f != nullptr ? f->locks : 0; }
u32 irq_floor_rcu(void) { const struct irq_floor *f = floor_here(); return f != nullptr ? f->rcu : 0; }
u32 irq_floor_preempt(void) { const struct irq_floor *f = floor_here(); return f != nullptr ? f->preempt : 0; }

void
interrupt_enter(void)
{
	struct cpu *cpu = this_cpu();
	if (cpu->irq_depth++ != 0)
		return;
	const struct task *self = lock_holder(cpu);
	floors[cpu->id] = (struct irq_floor){
		.preempt_off = cpu->preempt_off, .locks = self->nlocks, .rcu = self->rcu_depth,
		.preempt = cpu->preempt_off - self->nspin - self->rcu_depth - self->pins, .quiet = rcu_quiet_end(cpu),
	};
}

void
interrupt_exit(bool to_kernel_preemptible)
{
	struct cpu *cpu = this_cpu();
	fw_assert(cpu->irq_depth != 0);
	if (--cpu->irq_depth != 0)
		return;
	fw_assert(cpu->preempt_off == floors[cpu->id].preempt_off);
	if (floors[cpu->id].quiet)
		rcu_quiet_begin(cpu);
	sched_interrupt_exit(cpu, to_kernel_preemptible);
}
