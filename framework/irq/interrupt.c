// SPDX-License-Identifier: MPL-2.0
/**
 * Entry to and exit from interrupts: the handlers' context.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <sync/rcu.h>

bool irq_context(void) { return in_handler(); }

void
interrupt_enter(void)
{
	struct cpu *cpu = this_cpu();
	if (cpu->irq_depth++ != 0)
		return;
	const struct task *self = lock_holder(cpu);
	cpu->floor = (struct irq_floor){
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
	fw_assert(cpu->preempt_off == cpu->floor.preempt_off);
	bool quiet = cpu->floor.quiet;   /* what is so is not preempted */
	cpu->floor = (struct irq_floor){};
	sched_interrupt_exit(cpu, to_kernel_preemptible);
	if (quiet)
		rcu_quiet_begin(cpu);
}
