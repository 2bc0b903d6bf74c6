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

/** Where in the list above `floor` the lock is, from 1; 0: nowhere. */
static u32
lock_find(const struct task *self, const void *lock, enum lock_kind kind, u32 floor)
{
	u32 i = self->nlocks;
	while (i > floor && (self->locks[i - 1].lock != lock || self->locks[i - 1].kind != kind))
		i--;
	return i > floor ? i : 0;
}

/** How much of the list is out of reach: what was held outside of a contained call stays held in it, and what interrupted code held. */
static u32
lock_floor(const struct task *self)
{
	const struct contain_frame *frame = in_handler() ? this_cpu()->contain_irq : self->contain;
	return MAX(frame != nullptr ? frame->nlocks : 0, (u32)arch_cpu_load(floor.locks));
}

/* A policy is called with interrupts off: from a task, or inside of a handler's own frame. */
u32
lock_limit(const struct task *self)
{
	const struct contain_frame *frame = in_handler() ? this_cpu()->contain_irq : self->contain;
	bool policy = frame != nullptr && !frame->irqs_on && (!in_handler() || frame->outer != nullptr);
	return TASK_LOCKS_MAX + (in_handler() ? IRQ_LOCKS_MAX : 0) + (policy ? POLICY_LOCKS_MAX : 0);
}

/* As in lock_push: a handler that comes in between finds each lock that is held at least once. */
__attribute__((preserve_most)) void
lock_pop_any(struct task *self, const void *lock, enum lock_kind kind)
{
	u32 i = lock_find(self, lock, kind, lock_floor(self));
	if (i == 0)
		misuse("lock released by who does not hold it, or not in this way");
	self->nspin -= kind <= LOCK_IRQ_SPIN;
	for (; i < self->nlocks; i++)
		self->locks[i - 1] = self->locks[i];
	self->locks[i - 1].lock = nullptr;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->nlocks = i - 1;
}

bool
lock_held(const void *lock, enum lock_kind kind)
{
	return lock_find(lock_self(), lock, kind, arch_cpu_load(floor.locks)) != 0;
}

/** Each entry is off the list before its lock is touched: a lock in memory that is gone faults, and containment calls again for the rest. */
void
locks_release_to(u32 depth)
{
	struct task *self = lock_self();
	while (self->nlocks > depth) {
		struct held_lock held = self->locks[--self->nlocks];
		self->locks[self->nlocks].lock = nullptr;
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
	const struct task *self = lock_self();
	if (self->nlocks != frame->nlocks || self->rcu_depth != frame->rcu_depth ||
	    arch_cpu_load(preempt_off) != frame->preempt_off)
		misuse("a function returned to the framework with a lock held, a read section open or preemption off");
}

/* --- preemption --- */

void
preempt_check(void)
{
	if (arch_cpu_load(resched) == 0 || !arch_irq_enabled())
		return;
	IRQ_OFF_SCOPE();
	sched_interrupt_exit(this_cpu(), true);
}

/* Each of these counts cpu->preempt_off up first and down last: so it is never less than its parts. */
void
preempt_pin(void)
{
	arch_cpu_add(preempt_off, 1);
	lock_self()->pins++;
}

void
preempt_unpin(void)
{
	struct task *self = lock_self();
	fw_assert(self->pins != 0 && arch_cpu_load(preempt_off) != 0);
	self->pins--;
	preempt_leave();
}

void
preempt_disable(void)
{
	arch_cpu_add(preempt_off, 1);
}

void
preempt_enable(void)
{
	const struct task *self = lock_self();
	if (arch_cpu_load(preempt_off) <= arch_cpu_load(floor.preempt) + self->nspin + self->rcu_depth + self->pins)
		misuse("preempt_enable without preempt_disable");
	preempt_leave();
}
