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

void
lock_push(struct task *self, void *lock, enum lock_kind kind)
{
	self->locks[self->nlocks++] = (struct held_lock){ lock, kind };
	self->nspin += kind <= LOCK_IRQ_SPIN;
}

bool
lock_pop(struct task *self, const void *lock, enum lock_kind kind)
{
	u32 floor = irq_floor_locks();
	for (u32 i = self->nlocks; i > floor; i--) {
		if (self->locks[i - 1].lock != lock || self->locks[i - 1].kind != kind)
			continue;
		for (self->nlocks--; i <= self->nlocks; i++)
			self->locks[i - 1] = self->locks[i];
		self->nspin -= kind <= LOCK_IRQ_SPIN;
		return true;
	}
	return false;
}

bool
lock_in_list(const struct task *self, const void *lock, enum lock_kind kind)
{
	for (u32 i = 0; i < self->nlocks; i++)
		if (self->locks[i].lock == lock && self->locks[i].kind == kind)
			return true;
	return false;
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
		if (held.kind <= LOCK_IRQ_SPIN)
			self->nspin--;
		switch (held.kind) {
		case LOCK_SPIN: case LOCK_IRQ_SPIN: spin_abandon(self, held.lock, held.kind); break;
		case LOCK_MUTEX: mutex_abandon(self, held.lock); break;
		case LOCK_RW_READ: case LOCK_RW_WRITE: rw_abandon(self, held.lock, held.kind); break;
		}
	}
}

void
contain_expect_balance(const struct contain_frame *frame)
{
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	struct task *self = lock_holder(cpu);
	bool same = self->nlocks == frame->nlocks && self->rcu_depth == frame->rcu_depth && cpu->preempt_off == frame->preempt_off;
	arch_irq_restore(flags);
	if (!same)
		misuse("a function returned to the framework with a lock held, a read section open or preemption off");
}

/* --- preemption --- */

void
preempt_check(void)
{
	if (__builtin_expect(__atomic_load_n(&this_cpu()->resched, __ATOMIC_RELAXED) == 0 || !arch_irq_enabled(), 1))
		return;
	u64 flags = arch_irq_save();
	sched_interrupt_exit(this_cpu(), true);
	arch_irq_restore(flags);
}

void
preempt_pin(void)
{
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	cpu->preempt_off++;
	lock_holder(cpu)->pins++;
	arch_irq_restore(flags);
}

void
preempt_unpin(void)
{
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	fw_assert(lock_holder(cpu)->pins != 0 && cpu->preempt_off != 0);
	lock_holder(cpu)->pins--;
	cpu->preempt_off--;
	arch_irq_restore(flags);
	preempt_check();
}

void
preempt_disable(void)
{
	u64 flags = arch_irq_save();
	this_cpu()->preempt_off++;
	arch_irq_restore(flags);
}

void
preempt_enable(void)
{
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	struct task *self = lock_holder(cpu);
	if (cpu->preempt_off <= irq_floor_preempt() + self->nspin + self->rcu_depth + self->pins)
		misuse("preempt_enable without preempt_disable");
	cpu->preempt_off--;
	arch_irq_restore(flags);
	preempt_check();
}
