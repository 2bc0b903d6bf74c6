// SPDX-License-Identifier: MPL-2.0
// Tasks and a scheduler for the models of sync/: one task a CPU, which sleeps until another makes it READY.
#include "env.h"
#include <irq/interrupt.h>
#include <task/task_impl.h>

static struct task tasks[EXPLORE_THREADS];
u64 env_clock;

void
env_tasks_init(u32 n)
{
	env_cpus_init(n);
	for (u32 i = 0; i < n; i++) {
		tasks[i].id = i + 1;
		tasks[i].state = TASK_RUNNING | TASK_ON_CPU;
		cpu_table[i]->current = &tasks[i];
	}
}

struct task *
env_task(u32 i)
{
	return &tasks[i];
}

u32 env_cpu_count;
u32 cpu_count(void) { return env_cpu_count; }
bool sched_runs(u32 id) { (void)id; return false; }
bool irq_context(void) { return false; }
void task_check_may_sleep(void) {}
void sched_interrupt_exit(struct cpu *cpu, bool preemptible) { (void)cpu, (void)preemptible; }
void spin_abandon(struct task *self, struct spin_lock *lock, enum lock_kind kind) __attribute__((weak));
void mutex_abandon(struct task *self, struct mutex *lock) __attribute__((weak));
void rw_abandon(struct rw_lock *lock, enum lock_kind kind) __attribute__((weak));
void spin_abandon(struct task *self, struct spin_lock *lock, enum lock_kind kind) { (void)self, (void)lock, (void)kind; }
void mutex_abandon(struct task *self, struct mutex *lock) { (void)self, (void)lock; }
void rw_abandon(struct rw_lock *lock, enum lock_kind kind) { (void)lock, (void)kind; }

/* --- sleeping, as task/ does it: see the table in task_impl.h --- */

void
sched_block_begin(struct task *self)
{
	__atomic_store_n(&self->state, TASK_BLOCKED | TASK_ON_CPU, __ATOMIC_SEQ_CST);
}

void
sched_block_cancel(struct task *self)
{
	__atomic_store_n(&self->state, TASK_RUNNING | TASK_ON_CPU, __ATOMIC_SEQ_CST);
}

void
sched_leave(struct task *self)
{
	explore_await(&self->state, TASK_BLOCKED | TASK_ON_CPU);
	__atomic_store_n(&self->state, TASK_RUNNING | TASK_ON_CPU, __ATOMIC_SEQ_CST);
}

bool
task_wake(struct task *task)
{
	u32 blocked = TASK_BLOCKED | TASK_ON_CPU;
	return __atomic_compare_exchange_n(&task->state, &blocked, TASK_READY | TASK_ON_CPU, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

void
task_interrupt(struct task *task)
{
	__atomic_store_n(&task->interrupted, 1, __ATOMIC_SEQ_CST);
	(void)task_wake(task);
}

/* --- time --- */

u64
arch_clock_ns(void)
{
	return __atomic_load_n(&env_clock, __ATOMIC_SEQ_CST);
}

bool
timer_event_set(struct timer_event *event, u64 deadline_ns)
{
	return __atomic_exchange_n(&event->deadline_ns, deadline_ns == TIME_NEVER ? 0 : deadline_ns, __ATOMIC_SEQ_CST) != 0;
}

void
env_time_passes(u64 deadline)
{
	__atomic_store_n(&env_clock, deadline, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < EXPLORE_THREADS; i++)
		while (cpu_table[i] != nullptr && i != explore_self()) {
			/* A timeout set later than this looks at the clock itself. */
			u64 set = __atomic_load_n(&tasks[i].timeout.deadline_ns, __ATOMIC_SEQ_CST);
			if (set != 0 && set <= deadline)
				(void)task_wake(&tasks[i]);
			break;
		}
}
