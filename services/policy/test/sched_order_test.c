// SPDX-License-Identifier: MPL-2.0
/**
 * Whom the scheduling policy picks, and for how long: its functions called as the framework calls them, on the queue of a CPU that the machine
 * does not have, by tasks that never run. Time is what the test says was used.
 *
 * Each test has a queue of its own; so many are ready on it all the while that it never looks at the queues of real CPUs.
 */
#include <test.h>

#include <sched_policy.h>

enum : u32 { TASKS = 24, CPU_ORDER = CPU_MAX - 1, CPU_FAIR = CPU_MAX - 2, CPU_SLEEP = CPU_MAX - 3, CPU_LIMIT = CPU_MAX - 4, CPU_RR = CPU_MAX - 5 };

static struct { struct task *task; struct sched_entity *entity; struct object *object; u64 used; u32 rank; } all[TASKS];

static void no_body(struct object *unused) { (void)unused; }

static bool
tasks_make(void)
{
	for (u32 i = 0; i < TASKS; i++) {
		all[i] = (typeof(all[i])){};
		if (task_create(no_body, nullptr, TEXT("never runs"), &all[i].task) != OK) {
			test_fail(__FILE__, __LINE__, "no task", i, 0);
			return false;
		}
		all[i].entity = sched_entity_of(all[i].task);
		all[i].object = task_entity(all[i].task);
	}
	return true;
}

/** Those that are queued leave the queue with their task. */
static void
tasks_drop(void)
{
	for (u32 i = 0; i < TASKS; i++) {
		if (all[i].task == nullptr)
			continue;
		sched_entity_put(all[i].entity);
		task_put(all[i].task);
	}
}

static void
params_set(u32 i, enum sched_class class, i32 nice, u32 priority)
{
	struct sched_params params = { .class = class, .nice = nice, .priority = priority };
	all[i].rank = priority;
	sched_params_set(all[i].entity, &params);
}

static bool enqueue(u32 i, u32 cpu, enum sched_reason reason) { return sched_policy.enqueue(all[i].object, cpu, reason); }

static u32
pick(u32 cpu)
{
	struct task *task = sched_policy.pick(cpu);
	for (u32 i = 0; i < TASKS; i++)
		if (all[i].task == task)
			return i;
	test_fail(__FILE__, __LINE__, "picked a task of another queue", 0, 0);
	return 0;
}

/** Lets `i`, just picked, run in steps of `step` until the policy wants another, `most` at most. => the time used */
static u64
run(u32 i, u32 cpu, u64 step, u64 most)
{
	u64 ran = 0;
	bool preempt = false;
	while (!preempt && ran < most) {
		preempt = sched_policy.tick(all[i].object, cpu, step);
		ran += step;
	}
	all[i].used += ran;
	return ran;
}

/* --- real-time tasks: by priority, then in the order in which they came --- */

/** Those that are ready, in the order in which they will be picked. */
static struct { u32 tasks[TASKS], n; } line;

static void
line_add(u32 i, bool front)
{
	u32 at = 0;
	while (at < line.n && (all[line.tasks[at]].rank > all[i].rank || (all[line.tasks[at]].rank == all[i].rank && !front)))
		at++;
	for (u32 k = line.n++; k > at; k--)
		line.tasks[k] = line.tasks[k - 1];
	line.tasks[at] = i;
}

static u32
line_take(void)
{
	u32 first = line.tasks[0];
	line.n--;
	for (u32 k = 0; k < line.n; k++)
		line.tasks[k] = line.tasks[k + 1];
	return first;
}

TEST(real_time_tasks_are_picked_by_priority_then_by_turn)
{
	u64 seed = 1;
	u32 asleep = TASKS;
	line.n = 0;
	if (!tasks_make())
		return;
	for (u32 k = 0; k < TASKS; k++) {
		params_set(k, SCHED_FIFO, 0, 1 + k % 5);
		(void)enqueue(k, CPU_ORDER, SCHED_NEW);
		line_add(k, false);
	}
	for (u32 step = 0; step < 4000; step++) {
		u32 got = pick(CPU_ORDER);
		EXPECT_EQ(got, line_take());
		seed = seed * 6364136223846793005 + 1442695040888963407;
		u32 how = (u32)(seed >> 33) % 3;
		/* It is preempted and keeps its turn, yields it, or sleeps while the next one runs. */
		if (how == 2 && asleep == TASKS) {
			asleep = got;
			continue;
		}
		(void)enqueue(got, CPU_ORDER, how == 0 ? SCHED_PREEMPTED : SCHED_YIELD);
		line_add(got, how == 0);
		if (asleep == TASKS)
			continue;
		(void)enqueue(asleep, CPU_ORDER, SCHED_WAKE);
		line_add(asleep, false);
		asleep = TASKS;
	}
	tasks_drop();
}

TEST(a_higher_priority_preempts_and_equals_do_not)
{
	if (!tasks_make())
		return;
	for (u32 i = 0; i < TASKS; i++)
		params_set(i, i < 4 ? SCHED_FIFO : SCHED_OTHER, 0, i < 4 ? 10 + 10 * i : 0);
	params_set(3, SCHED_FIFO, 0, 20);
	for (u32 i = 4; i < TASKS; i++)
		(void)enqueue(i, CPU_RR, SCHED_NEW);
	(void)enqueue(1, CPU_RR, SCHED_NEW);
	EXPECT_EQ(pick(CPU_RR), 1);                            /* of priority 20 */
	EXPECT(!sched_policy.tick(all[1].object, CPU_RR, NS_PER_MS));
	EXPECT(!enqueue(0, CPU_RR, SCHED_WAKE));               /* 10 */
	EXPECT(!enqueue(3, CPU_RR, SCHED_WAKE));               /* 20, too */
	EXPECT(!sched_policy.tick(all[1].object, CPU_RR, NS_PER_MS));
	EXPECT(enqueue(2, CPU_RR, SCHED_WAKE));                /* 30 */
	EXPECT(sched_policy.tick(all[1].object, CPU_RR, NS_PER_MS));
	(void)enqueue(1, CPU_RR, SCHED_PREEMPTED);
	EXPECT_EQ(pick(CPU_RR), 2);
	EXPECT_EQ(pick(CPU_RR), 1);
	EXPECT_EQ(pick(CPU_RR), 3);
	EXPECT_EQ(pick(CPU_RR), 0);
	tasks_drop();
}

/* --- fair tasks: time by weight --- */

TEST(fair_tasks_get_time_by_their_weight)
{
	/* Each step of nice is a quarter: 5 steps are 1.25^5 = 3.05 times as much (sched(7)). */
	static const i32 nices[] = { 0, 5, -5, 0 };
	if (!tasks_make())
		return;
	for (u32 i = 0; i < TASKS; i++) {
		params_set(i, SCHED_OTHER, nices[i % 4], 0);
		(void)enqueue(i, CPU_FAIR, SCHED_NEW);
	}
	u64 waited[TASKS] = {}, longest = 0;
	for (u32 round = 0; round < 6000; round++) {
		u32 got = pick(CPU_FAIR);
		u64 ran = run(got, CPU_FAIR, NS_PER_MS, NS_PER_SEC);
		EXPECT(ran < NS_PER_SEC);                      /* others wait, so it has to stop some time */
		for (u32 i = 0; i < TASKS; i++)
			waited[i] = i == got ? 0 : waited[i] + ran, longest = MAX(longest, waited[i]);
		(void)enqueue(got, CPU_FAIR, SCHED_PREEMPTED);
	}
	u64 base = all[0].used;
	for (u32 i = 0; i < TASKS; i++) {
		u64 share = all[i].used * 1000 / base, wanted = nices[i % 4] == 0 ? 1000 : nices[i % 4] > 0 ? 327 : 3052;
		EXPECT(share > wanted * 9 / 10 && share < wanted * 11 / 10);
	}
	EXPECT(longest < NS_PER_SEC);                          /* the lightest has a hundredth of the time, in turns of 3 ms */
	tasks_drop();
}

TEST(a_sleeper_runs_soon_but_saves_no_time_up)
{
	if (!tasks_make())
		return;
	for (u32 i = 0; i < TASKS; i++)
		params_set(i, SCHED_OTHER, 0, 0);
	for (u32 i = 1; i < TASKS; i++)
		(void)enqueue(i, CPU_SLEEP, SCHED_NEW);
	for (u32 round = 0; round < 2000; round++) {
		u32 got = pick(CPU_SLEEP);
		(void)run(got, CPU_SLEEP, NS_PER_MS, NS_PER_SEC);
		(void)enqueue(got, CPU_SLEEP, SCHED_PREEMPTED);
	}
	/* Task 0 wakes after seconds: it comes before those that have run, and then takes turns as they do. */
	u32 running = pick(CPU_SLEEP);
	(void)run(running, CPU_SLEEP, NS_PER_MS, 2 * NS_PER_MS);
	EXPECT(enqueue(0, CPU_SLEEP, SCHED_WAKE));
	(void)enqueue(running, CPU_SLEEP, SCHED_PREEMPTED);
	EXPECT_EQ(pick(CPU_SLEEP), 0);
	(void)run(0, CPU_SLEEP, NS_PER_MS, NS_PER_SEC);
	(void)enqueue(0, CPU_SLEEP, SCHED_PREEMPTED);
	u64 before = all[1].used;
	for (u32 round = 0; round < 40 * TASKS; round++) {
		u32 got = pick(CPU_SLEEP);
		(void)run(got, CPU_SLEEP, NS_PER_MS, NS_PER_SEC);
		(void)enqueue(got, CPU_SLEEP, SCHED_PREEMPTED);
	}
	u64 share = all[1].used - before;
	EXPECT(all[0].used > share * 8 / 10 && all[0].used < share * 13 / 10);
	tasks_drop();
}

/* --- slices, and what fair tasks are left --- */

TEST(round_robin_takes_turns_and_first_in_first_out_does_not)
{
	if (!tasks_make())
		return;
	for (u32 i = 0; i < TASKS; i++) {
		params_set(i, i < 3 ? SCHED_RR : SCHED_FIFO, 0, i < 3 ? 7 : 5);
		(void)enqueue(i, CPU_LIMIT, SCHED_NEW);
	}
	for (u32 turn = 0; turn < 6; turn++) {
		u32 got = pick(CPU_LIMIT);
		EXPECT_EQ(got, turn % 3);
		EXPECT_EQ(run(got, CPU_LIMIT, NS_PER_MS, NS_PER_SEC), SCHED_RR_SLICE);
		(void)enqueue(got, CPU_LIMIT, SCHED_PREEMPTED);
	}
	for (u32 i = 0; i < 3; i++)
		EXPECT_EQ(pick(CPU_LIMIT), i);                 /* asleep from now on */
	u32 got = pick(CPU_LIMIT);
	EXPECT_EQ(got, 3);
	EXPECT_EQ(run(got, CPU_LIMIT, NS_PER_MS, 300 * NS_PER_MS), 300 * NS_PER_MS);
	tasks_drop();
}
