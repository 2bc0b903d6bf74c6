// SPDX-License-Identifier: MPL-2.0
/**
 * The scheduler's mechanism: each CPU's idle task runs the loop that picks a task, switches to it, and settles what became of it once it is back.
 *
 * The policy says who runs where (hooks.c). All of this runs with interrupts off. See task_impl.h for the states.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <sync/rcu.h>

static struct sched_cpu {
	struct task *left;      /* [self] the task that has just left its stack */
	u64 tick_ns;            /* [atomic] when the policy looks at the running task next; written by its CPU */
	u32 retick;             /* [atomic] another CPU wants that looked at */
	u32 running;            /* [atomic] id of the task on the CPU, 0: idle; written by its CPU */
} sched_cpus[CPU_MAX] __attribute__((aligned(64)));

/* --- time --- */

void
sched_account(struct task *self)
{
	IRQ_OFF_SCOPE();
	task_book(self, self->in_user ? &self->user_ticks : &self->kernel_ticks);
}

/** Tells the policy what the task has used. => true: preempt it. */
static bool
report(struct task *task, u32 cpu)
{
	sched_account(task);
	u64 total = task->user_ticks + task->kernel_ticks, ran = total - task->reported;
	task->reported = total;
	return hook_tick(task, cpu, arch_ticks_ns(ran));
}

/**
 * Asks the policy for the next tick. Before it is asked there is none: so who enqueues a task that the policy does not count yet sees
 * TIME_NEVER and asks for this again (tick_ask).
 */
static void
tick_arm(struct cpu *cpu, u64 now)
{
	__atomic_store_n(&sched_cpus[cpu->id].retick, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sched_cpus[cpu->id].tick_ns, TIME_NEVER, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	u64 at = cpu->current == cpu->idle ? TIME_NEVER : hook_next_tick(cpu->current, cpu->id, now);
	__atomic_store_n(&sched_cpus[cpu->id].tick_ns, at, __ATOMIC_SEQ_CST);
	timer_tick_set(at);
}

void
sched_tick(void)
{
	struct cpu *cpu = this_cpu();
	if (cpu->current == nullptr || cpu->current == cpu->idle || report(cpu->current, cpu->id))
		__atomic_store_n(&cpu->resched, 1, __ATOMIC_SEQ_CST);
	else
		tick_arm(cpu, arch_clock_ns());
}

/* --- leaving the CPU --- */

void
sched_leave(struct task *self)
{
	struct cpu *cpu = this_cpu();
	fw_assert(cpu->current == self && self != cpu->idle && cpu->raw_depth == 0 && cpu->preempt_off == 0 && cpu->irq_depth == 0);
	(void)report(self, cpu->id);
	sched_cpus[cpu->id].left = self;
	/* SAFETY: 0 is no stack, and the idle task never enters user mode. */
	arch_task_switched((void *)cpu->idle->stack_top);
	__atomic_store_n(&cpu->current, cpu->idle, __ATOMIC_SEQ_CST);
	cpu->stack_limit = 0;
	__atomic_store_n(&sched_cpus[cpu->id].running, 0, __ATOMIC_RELAXED);
	arch_context_switch(&self->context, &cpu->idle->context);
}

bool
sched_runs(u32 id)
{
	for (u32 i = 0; i < cpu_count(); i++)
		if (__atomic_load_n(&sched_cpus[i].running, __ATOMIC_RELAXED) == id)
			return true;
	return false;
}

static void
sched_leave_ready(struct task *self, enum sched_reason reason)
{
	self->reason = reason;
	__atomic_store_n(&self->state, TASK_READY | TASK_ON_CPU, __ATOMIC_SEQ_CST);
	sched_leave(self);
}

void
sched_block_begin(struct task *self)
{
	self->reason = SCHED_WAKE;
	__atomic_store_n(&self->state, TASK_BLOCKED | TASK_ON_CPU, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/** It may have been woken already, READY: nobody else looks at a READY task that is on a CPU. */
void
sched_block_cancel(struct task *self)
{
	__atomic_store_n(&self->state, TASK_RUNNING | TASK_ON_CPU, __ATOMIC_SEQ_CST);
}

void
task_yield(void)
{
	task_check_may_sleep();
	IRQ_OFF_SCOPE();
	sched_leave_ready(this_cpu()->current, SCHED_YIELD);
}

void
sched_interrupt_exit(struct cpu *cpu, bool preemptible)
{
	struct task *self = cpu->current;
	if (self == nullptr || self == cpu->idle || cpu->irq_depth != 0)
		return;
	if (__atomic_load_n(&sched_cpus[cpu->id].retick, __ATOMIC_RELAXED) != 0)
		tick_arm(cpu, arch_clock_ns());
	if (preemptible && cpu->preempt_off == 0 && cpu->raw_depth == 0 && __atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST) != 0)
		sched_leave_ready(self, SCHED_PREEMPTED);
}

/* --- becoming ready --- */

/**
 * The task on `cpu` runs without a tick, perhaps, and now has a competitor. On this CPU it gets one soon: a waker often leaves before, and
 * where it does not the tick asks the policy.
 */
static void
tick_ask(u32 cpu)
{
	if (__atomic_load_n(&sched_cpus[cpu].tick_ns, __ATOMIC_SEQ_CST) != TIME_NEVER)
		return;
	if (cpu == this_cpu()->id) {
		u64 soon = arch_clock_ns() + NS_PER_MS;
		__atomic_store_n(&sched_cpus[cpu].tick_ns, soon, __ATOMIC_SEQ_CST);
		timer_tick_set(soon);
	} else if (__atomic_exchange_n(&sched_cpus[cpu].retick, 1, __ATOMIC_SEQ_CST) == 0)
		arch_ipi(cpu, IPI_RESCHEDULE);
}

void
sched_ready(struct task *task, enum sched_reason reason)
{
	u32 cpu = hook_select_cpu(task, reason);
	bool preempt = hook_enqueue(task, cpu, reason);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	const struct cpu *target = cpu_table[cpu];
	bool idle = __atomic_load_n(&target->current, __ATOMIC_SEQ_CST) == target->idle;
	if ((preempt || idle) && cpu != this_cpu()->id) {
		cpu_reschedule(cpu);
		return;
	}
	if (!idle)
		tick_ask(cpu);
	if (preempt || idle)
		__atomic_store_n(&this_cpu()->resched, 1, __ATOMIC_SEQ_CST);   /* looked at on the way out of here; at the tick at the latest */
}

bool
task_wake(struct task *task)
{
	u32 old = __atomic_load_n(&task->state, __ATOMIC_SEQ_CST);
	do {
		if ((old & ~TASK_ON_CPU) != TASK_BLOCKED)
			return false;
	} while (!__atomic_compare_exchange_n(&task->state, &old, TASK_READY | (old & TASK_ON_CPU), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if ((old & TASK_ON_CPU) == 0) {
		u64 flags = arch_irq_save();
		sched_ready(task, SCHED_WAKE);
		arch_irq_restore(flags);
		preempt_check();
	}
	return true;
}

/* --- the loop --- */

/** The task that has left its stack is free for others from here on. */
static void
settle(struct sched_cpu *sched)
{
	struct task *left = sched->left;
	if (left == nullptr)
		return;
	sched->left = nullptr;
	enum sched_reason reason = left->reason;
	u32 old = __atomic_fetch_and(&left->state, ~(u32)TASK_ON_CPU, __ATOMIC_SEQ_CST);
	if (old == (TASK_READY | TASK_ON_CPU))
		sched_ready(left, reason);
	else if (old == (TASK_DEAD | TASK_ON_CPU))
		task_reap(left);
	/* BLOCKED: it may be running elsewhere, or be gone. */
}

static void
switch_to(struct cpu *cpu, struct task *next)
{
	__atomic_store_n(&next->last_cpu, cpu->id, __ATOMIC_RELAXED);
	next->stamp = arch_ticks();
	__atomic_store_n(&cpu->current, next, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sched_cpus[cpu->id].running, next->id, __ATOMIC_RELAXED);
	vm_space_switch(next->space);
	tick_arm(cpu, arch_clock_ns());
	stack_limit_set(cpu, next->stack_top - 1, STACK_RESERVE_TASK);
	arch_context_switch(&cpu->idle->context, &next->context);
}

static void
idle(struct cpu *cpu, u64 wake_ns)
{
	timer_tick_set(wake_ns);
	__atomic_store_n(&sched_cpus[cpu->id].tick_ns, TIME_NEVER, __ATOMIC_SEQ_CST);
	rcu_quiet_begin(cpu);
	arch_idle();
	(void)rcu_quiet_end(cpu);
}

[[noreturn]] void
sched_loop(void)
{
	struct cpu *cpu = this_cpu();   /* idle tasks stay where they are */
	for (;;) {
		settle(&sched_cpus[cpu->id]);
		rcu_quiescent(cpu);
		__atomic_store_n(&cpu->resched, 0, __ATOMIC_SEQ_CST);
		u64 retry_ns;
		struct task *next = hook_pick(cpu->id, &retry_ns);
		if (next != nullptr)
			switch_to(cpu, next);
		else if (__atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST) == 0)
			idle(cpu, retry_ns);
	}
}
