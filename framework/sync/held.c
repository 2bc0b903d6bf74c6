// SPDX-License-Identifier: MPL-2.0
/**
 * The list of locks that the running code holds, and preemption off: counted, so that containment can undo them.
 *
 * Preemption is off cpu->preempt_off times: one each for spin locks held, read sections, the framework's pins, and calls of
 * preempt_disable. The first three are known one by one, so preempt_enable can never undo another's.
 */
#include <sync/lock.h>
#include <irq/interrupt.h>

static struct task boot_code[CPU_MAX];   /* [self] holds the locks of whatever a CPU runs before its first task */

struct task *
lock_holder(struct cpu *cpu)
{
	return cpu->current != nullptr ? cpu->current : &boot_code[cpu->id % CPU_MAX];
}

void
lock_check(struct task *self, const void *lock)
{
	/* The list keeps the lock's address until the release, which a stack frame may not live to see. */
	if ((u64)lock >= STACK_BASE && (u64)lock < STACK_END)
		misuse("a lock on a stack");
	u32 max = irq_context() ? TASK_LOCKS_MAX + IRQ_LOCKS_MAX : TASK_LOCKS_MAX;
	if (self->nlocks >= max)
		misuse("too many locks held at once");
	for (u32 i = 0; i < self->nlocks; i++)
		if (self->locks[i].lock == lock)
			misuse("lock taken that is held already");
}

/* An interrupt's handler goes on with the list, so it is changed and read with interrupts off. */
void
lock_push(struct task *self, void *lock, enum lock_kind kind)
{
	IRQ_OFF_SCOPE();
	self->locks[self->nlocks++] = (struct held_lock){ lock, kind };
	self->nspin += kind <= LOCK_IRQ_SPIN;
}

/** Where in the list above `floor` the lock is, from 1; 0: nowhere. */
static u32
lock_find(const struct task *self, const void *lock, enum lock_kind kind, u32 floor)
{
	u32 i = self->nlocks;
	while (i > floor && (self->locks[i - 1].lock != lock || self->locks[i - 1].kind != kind))
		i--;
	return i > floor ? i : 0;
}

void
lock_pop(struct task *self, const void *lock, enum lock_kind kind)
{
	IRQ_OFF_SCOPE();
	const struct contain_frame *frame = irq_context() ? this_cpu()->contain_irq : self->contain;
	/* What was held outside of a contained call stays held in it: the place that a trap goes back to counts locks. */
	u32 i = lock_find(self, lock, kind, MAX(irq_floor_locks(), frame != nullptr ? frame->nlocks : 0));
	if (i == 0)
		misuse("lock released by who does not hold it, or not in this way");
	self->nspin -= kind <= LOCK_IRQ_SPIN;
	for (self->nlocks--; i <= self->nlocks; i++)
		self->locks[i - 1] = self->locks[i];
}

bool
lock_held(const void *lock, enum lock_kind kind)
{
	IRQ_OFF_SCOPE();
	return lock_find(lock_holder(this_cpu()), lock, kind, irq_floor_locks()) != 0;
}

/** Each entry is off the list before its lock is touched: a lock in memory that is gone faults, and containment calls again for the rest. */
void
locks_release_to(u32 depth)
{
	u64 flags = arch_irq_save();
	struct task *self = lock_holder(this_cpu());
	arch_irq_restore(flags);
	while (self->nlocks > depth) {
		struct held_lock held = self->locks[--self->nlocks];
		self->nspin -= held.kind <= LOCK_IRQ_SPIN;
		switch (held.kind) {
		case LOCK_SPIN: case LOCK_IRQ_SPIN: spin_abandon(self, held.lock, held.kind); break;
		case LOCK_MUTEX: mutex_abandon(self, held.lock); break;
		case LOCK_RW_READ: case LOCK_RW_WRITE: rw_abandon(held.lock, held.kind); break;
		}
	}
}

void
contain_expect_balance(const struct contain_frame *frame)
{
	IRQ_OFF_SCOPE();
	const struct cpu *cpu = this_cpu();
	const struct task *self = lock_holder(this_cpu());
	if (self->nlocks != frame->nlocks || self->rcu_depth != frame->rcu_depth ||
	    cpu->preempt_off != frame->preempt_off)
		misuse("a function returned to the framework with a lock held, a read section open or preemption off");
}

/* --- preemption --- */

void
preempt_check(void)
{
	if (__builtin_expect(__atomic_load_n(&this_cpu()->resched, __ATOMIC_RELAXED) == 0 || !arch_irq_enabled(), 1))
		return;
	IRQ_OFF_SCOPE();
	sched_interrupt_exit(this_cpu(), true);
}

void
preempt_restore(u64 flags)
{
	this_cpu()->preempt_off--;
	arch_irq_restore(flags);
	preempt_check();
}

void
preempt_pin(void)
{
	IRQ_OFF_SCOPE();
	struct cpu *cpu = this_cpu();
	cpu->preempt_off++;
	lock_holder(cpu)->pins++;
}

void
preempt_unpin(void)
{
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	fw_assert(lock_holder(cpu)->pins != 0 && cpu->preempt_off != 0);
	lock_holder(cpu)->pins--;
	preempt_restore(flags);
}

void
preempt_disable(void)
{
	IRQ_OFF_SCOPE();
	this_cpu()->preempt_off++;
}

void
preempt_enable(void)
{
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	struct task *self = lock_holder(cpu);
	if (cpu->preempt_off <= irq_floor_preempt() + self->nspin + self->rcu_depth + self->pins)
		misuse("preempt_enable without preempt_disable");
	preempt_restore(flags);
}
