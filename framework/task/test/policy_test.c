// SPDX-License-Identifier: MPL-2.0
// Scheduling policies that are wrong: nothing they answer harms more than who runs when.
#include <task/test/child.h>

static struct sched_policy evil;
static const struct sched_policy *const good = &sched_policy;
static u32 mode_on, count, alive;   /* [atomic] */
static struct task *victim, *given;

/** The policy's own data race where it is lied to: what TSan rightly says, and nobody's concern here. */
static bool
skipped(void)
{
	if (__has_feature(thread_sanitizer))
		test_skip("races inside of the policy are what is tested");
	return __has_feature(thread_sanitizer);
}

static void
evil_begin(void)
{
	evil = *good;
	victim = given = nullptr;
	count = alive = 0;
}

static void
evil_set(void)
{
	__atomic_store_n(&mode_on, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sched_policy_active, &evil, __ATOMIC_SEQ_CST);
}

/** Puts another policy in charge and hands it every READY task. Its entities must be those of the tasks. */
static void
sched_policy_set(const struct sched_policy *policy)
{
	__atomic_store_n(&sched_policy_active, policy, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < 100; i++) {
		IRQ_OFF_SCOPE(); /* between looking and handing over it must not come to run and end */
		struct task *task = registry_ready();
		if (task != nullptr)
			sched_ready(task, SCHED_WAKE);
	}
}

static void
evil_end(void)
{
	__atomic_store_n(&mode_on, 0, __ATOMIC_SEQ_CST);
	sched_policy_set(good);
	for (u32 i = 0; i < cpu_count(); i++)
		cpu_reschedule(i);
}

/** Work under an evil policy: two at once of one task would be seen. */
static void
churn(struct object *arg)
{
	(void)arg;
	__atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < 50; i++) {
		u32 before = task_self()->id;
		task_yield();
		EXPECT_EQ(task_self()->id, before);
	}
}

static struct task *
pick_twice(u32 cpu)
{
	static struct task *last[CPU_MAX];
	if (__atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST) % 3 == 2 && last[cpu] != nullptr)
		return last[cpu];
	return last[cpu] = good->pick(cpu);
}
TEST(task_picked_twice_is_refused)
{
	if (skipped())
		return;
	evil_begin();
	evil.pick = pick_twice;
	evil_set();
	run_all(churn, 6);
	evil_end();
	EXPECT_EQ(alive, 6);
}

static struct task *
pick_running(u32 cpu)
{
	/* The current task of any CPU, and idle tasks. */
	u32 n = __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
	if (n % 4 == 3)
		return cpu_table[n / 4 % cpu_count()]->current;
	return n % 4 == 1 ? cpu_table[0]->idle : good->pick(cpu);
}
TEST(running_and_idle_tasks_are_refused)
{
	if (skipped())
		return;
	u64 before = sched_policy_faults();
	evil_begin();
	evil.pick = pick_running;
	evil_set();
	run_all(churn, 6);
	evil_end();
	EXPECT(sched_policy_faults() > before);
}

static struct task *pick_dead(u32 cpu) { return __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST) % 2 == 0 ? victim : good->pick(cpu); }
static void nothing(struct object *arg) { (void)arg; }
TEST(dead_task_is_refused)
{
	if (skipped())
		return;
	u64 before = sched_policy_faults();
	struct task *dead = start(nothing, nullptr);
	EXPECT_EQ(task_join(dead, TIME_NEVER), OK);
	evil_begin();
	victim = dead;
	evil.pick = pick_dead;
	evil_set();
	run_all(churn, 4);
	task_put(dead);
	run_all(churn, 4);   /* now the object may be gone as well */
	evil_end();
	EXPECT(sched_policy_faults() > before);
}

static struct task *
pick_nothing(u32 cpu)
{
	/* For a while; nothing that is awake could end it. */
	return __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST) < 8 ? nullptr : good->pick(cpu);
}
static void kick(struct timer_event *event)
{
	for (u32 i = 0; i < cpu_count(); i++)
		cpu_reschedule(i);
	if (__atomic_load_n(&count, __ATOMIC_SEQ_CST) < 8)
		timer_event_set(event, clock_now() + NS_PER_MS);
}
TEST(policy_that_runs_nothing_harms_nothing)
{
	if (skipped())
		return;
	static struct timer_event event = { .fn = kick };
	evil_begin();
	evil.pick = pick_nothing;
	timer_event_set(&event, clock_now() + NS_PER_MS);
	evil_set();
	task_yield();
	run_all(churn, 4);
	timer_event_cancel(&event);
	evil_end();
}

static bool lose(struct object *entity, u32 cpu, enum sched_reason reason) { return (__atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST) % 5 != 4 || mode_on == 0) ? good->enqueue(entity, cpu, reason) : true; }
static void rescue(struct timer_event *event) { (void)event; evil_end(); }
TEST(tasks_that_a_policy_loses_run_under_the_next)
{
	if (skipped())
		return;
	static struct timer_event event = { .fn = rescue };
	evil_begin();
	evil.enqueue = lose;
	timer_event_set(&event, clock_now() + 20 * NS_PER_MS);
	evil_set();
	run_all(churn, 6);
	timer_event_cancel(&event);
	evil_end();
	EXPECT_EQ(alive, 6);
}

static u32 cpu_wild(struct object *entity, u32 last, enum sched_reason reason) { (void)entity, (void)last, (void)reason; return 1000; }
static u64 tick_past(struct object *entity, u32 cpu, u64 now) { (void)entity, (void)cpu, (void)now; return 0; }
TEST(wild_cpu_numbers_and_times_are_mended)
{
	if (skipped())
		return;
	u64 before = sched_policy_faults();
	evil_begin();
	evil.select_cpu = cpu_wild;
	evil.next_tick = tick_past;
	evil_set();
	run_all(churn, 4);
	evil_end();
	EXPECT(sched_policy_faults() > before || cpu_count() == 1);   /* where there is no choice the policy is not asked */
}

static struct irq_spin_lock left;
static struct task *
pick_trap(u32 cpu) NO_THREAD_SAFETY("on purpose")
{
	if (__atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST) < 20)
		return good->pick(cpu);
	irq_spin_acquire(&left);
	misuse("on purpose");
}
TEST(policy_that_traps_is_replaced_by_the_fallback)
{
	if (skipped())
		return;
	evil_begin();
	evil.pick = pick_trap;
	left = (struct irq_spin_lock){};
	evil_set();
	run_all(churn, 6);
	EXPECT(sched_policy_active != &evil && sched_policy_active != good);
	EXPECT(spin_poisoned(&left.lock));
	run_all(churn, 6);
	evil_end();
	run_all(churn, 2);
}

static bool tick_with_lock(struct object *entity, u32 cpu, u64 ran) NO_THREAD_SAFETY("on purpose") { irq_spin_acquire(&left); return good->tick(entity, cpu, ran); }
TEST(policy_that_keeps_a_lock_is_replaced)
{
	if (skipped())
		return;
	evil_begin();
	evil.tick = tick_with_lock;
	left = (struct irq_spin_lock){};
	evil_set();
	run_all(churn, 3);
	EXPECT(sched_policy_active != &evil);
	EXPECT(!irq_spin_held(&left));
	evil_end();
}

static err_t init_fails(struct task *task, struct object **entity) { (void)task, (void)entity; return EAGAIN; }
TEST(error_of_task_init_is_that_of_task_create)
{
	struct task *task = nullptr;
	evil_begin();
	evil.task_init = init_fails;
	evil_set();
	EXPECT_EQ(task_create(nothing, nullptr, TEXT("x"), &task), EAGAIN);
	evil_end();
	EXPECT(task == nullptr);
}

/* A task belongs to its creator alone until it is whole: a policy that starts or puts it sooner traps. */
static void (*init_misuse)(struct task *task);
static void init_starts(struct task *task) { (void)task_start(task); }
static err_t
init_meddles(struct task *task, struct object **entity)
{
	(void)entity;
	init_misuse(task);
	return EAGAIN;
}

TEST(task_that_is_being_created_is_out_of_the_policys_reach)
{
	if (skipped())
		return;
	static void (*const misuses[])(struct task *) = { init_starts, task_put };
	for (u32 i = 0; i < COUNTOF(misuses); i++) {
		struct task *task = nullptr;
		evil_begin();
		init_misuse = misuses[i];
		evil.task_init = init_meddles;
		evil_set();
		err_t result = task_create(nothing, nullptr, TEXT("x"), &task);
		EXPECT(sched_policy_active != &evil);   /* it has trapped */
		evil_end();
		if (result == OK)
			task_put(task);
	}
}
