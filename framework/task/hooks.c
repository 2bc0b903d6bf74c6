// SPDX-License-Identifier: MPL-2.0
/**
 * The scheduling policy as the framework calls it: contained, every answer checked, and what takes its place where it traps.
 *
 * A hook runs with interrupts off and no raw lock held. Nothing that it does can make a task run twice: only compare-and-swap of the task's own
 * state lets a CPU run it (task_impl.h), and a task that the policy has lost is still in the list of all tasks.
 */
#include <task/task_impl.h>

enum : u64 { FAULTS_LOGGED = 10, PICK_TRIES = 4, FALLBACK_SLICE = 10 * NS_PER_MS, RETRY_AFTER = 10 * NS_PER_MS };

static u64 faults;   /* [atomic] */

/** The policy in charge; null once it has trapped: first come, first served then, from the list of all tasks. */
const struct sched_policy *sched_policy_active = &sched_policy;

static const struct sched_policy *
policy_load(void)
{
	return __atomic_load_n(&sched_policy_active, __ATOMIC_ACQUIRE);
}

static void
policy_trapped(const struct sched_policy *policy)
{
	if (!__atomic_compare_exchange_n(&sched_policy_active, &policy, nullptr, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	log_error("scheduling policy trapped: first come, first served from now on");
	/* What it had queued is found in the list of all tasks; whoever is idle must look there. */
	for (u32 i = 0; i < cpu_count(); i++)
		cpu_reschedule(i);
}

/** Runs the statement, a call of the policy, contained. False where there is none, or it trapped: then it has been replaced. */
#define HOOK(policy, ...) ((policy) != nullptr && (CONTAINED(__VA_ARGS__) || (policy_trapped(policy), false)))

static void
fault(struct cbytes what, u32 number)
{
	if (__atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED) < FAULTS_LOGGED)
		log_warn("scheduling policy: answer refused: {} {}", what, number);
}

u64 sched_policy_faults(void) { return __atomic_load_n(&faults, __ATOMIC_RELAXED); }

err_t
hook_task_init(struct task *task)
{
	const struct sched_policy *policy = policy_load();
	struct object *entity = nullptr;
	err_t result = OK;
	if (!HOOK(policy, result = policy->task_init(task, &entity)))
		return OK;
	task->policy = policy;
	task->entity = entity;
	return result;
}

struct object *task_entity(struct task *task) { return task->entity; }

void
hook_task_fini(struct task *task)
{
	/* A task's entity belongs to the policy that made it, in charge or not. */
	const struct sched_policy *policy = task->policy;
	(void)HOOK(policy, policy->task_fini(task->entity));
}

/** The fallback's choice: an idle CPU, or the last. */
static u32
idle_cpu(u32 last)
{
	for (u32 i = 0; i < cpu_count(); i++)
		if (__atomic_load_n(&cpu_table[i]->current, __ATOMIC_RELAXED) == cpu_table[i]->idle)
			return i;
	return last;
}

u32
hook_select_cpu(struct task *task, enum sched_reason reason)
{
	const struct sched_policy *policy = policy_load();
	u32 last = __atomic_load_n(&task->last_cpu, __ATOMIC_RELAXED), cpu = 0;
	if (cpu_count() > 1 && !HOOK(policy, cpu = policy->select_cpu(task->entity, last, reason)))
		return idle_cpu(last);
	if (cpu < cpu_count())
		return cpu;
	fault(TEXT("no such CPU:"), cpu);
	return last;
}

bool
hook_enqueue(struct task *task, u32 cpu, enum sched_reason reason)
{
	const struct sched_policy *policy = policy_load();
	bool preempt = false;
	return HOOK(policy, preempt = policy->enqueue(task->entity, cpu, reason)) && preempt;
}

struct task *
hook_pick(u32 cpu, u64 *retry_ns)
{
	*retry_ns = TIME_NEVER;
	for (u32 i = 0; i < PICK_TRIES; i++) {
		const struct sched_policy *policy = policy_load();
		struct task *task = nullptr;
		if (!HOOK(policy, task = policy->pick(cpu)))
			task = registry_ready();
		if (task == nullptr)
			return nullptr;
		/* SAFETY: a service can only have pointers to tasks, alive or dead, and their memory is tasks' for ever (HANDLE_DEFINE).
		 * Only a task that is READY and on no CPU passes; it is this CPU's alone then. */
		u32 ready = TASK_READY;
		if (__atomic_compare_exchange_n(&task->state, &ready, TASK_RUNNING | TASK_ON_CPU, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return task;
		if (policy != nullptr)
			fault(TEXT("task that is not ready, state"), ready);
	}
	/* It may answer better later: there may be tasks behind. */
	*retry_ns = arch_clock_ns() + RETRY_AFTER;
	return nullptr;
}

bool
hook_tick(struct task *task, u32 cpu, u64 ran_ns)
{
	const struct sched_policy *policy = policy_load();
	bool preempt = false;
	return HOOK(policy, preempt = policy->tick(task->entity, cpu, ran_ns)) ? preempt : ran_ns >= FALLBACK_SLICE / 2;
}

u64
hook_next_tick(struct task *task, u32 cpu, u64 now_ns)
{
	const struct sched_policy *policy = policy_load();
	u64 at = TIME_NEVER;
	if (!HOOK(policy, at = policy->next_tick(task->entity, cpu, now_ns)))
		at = now_ns + FALLBACK_SLICE;
	/* A tick in the past would come again and again. */
	return MAX(at, now_ns + 100 * NS_PER_US);
}
