// SPDX-License-Identifier: MPL-2.0
// Wait queues: no lost wake-up, order, time limits, interrupts.
#include <task/test/child.h>

static struct wait_queue queue;
static u32 value, ended;   /* [atomic] */

static u32 load(u32 *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static void add(u32 *word, u32 n) { __atomic_fetch_add(word, n, __ATOMIC_SEQ_CST); }

static void
wait_for_value(struct object *arg)
{
	(void)arg;
	EXPECT_EQ(WAIT_UNTIL(&queue, load(&value) != 0, WAIT_PLAIN, TIME_NEVER), OK);
	add(&ended, 1);
}

TEST(waiters_are_woken_when_the_condition_comes_true)
{
	struct task *tasks[20];
	value = ended = 0;
	for (u32 i = 0; i < COUNTOF(tasks); i++)
		tasks[i] = start(wait_for_value, nullptr);
	u64 patience = clock_now() + 20 * NS_PER_SEC;
	u32 woken = 0;
	while (woken < COUNTOF(tasks) && clock_now() < patience) {
		woken += wake_all(&queue);             /* for nothing */
		nap(3 * NS_PER_MS);
	}
	EXPECT(woken >= COUNTOF(tasks));
	EXPECT_EQ(load(&ended), 0);
	add(&value, 1);
	wake_all(&queue);
	for (u32 i = 0; i < COUNTOF(tasks); i++)
		finish(tasks[i], TASK_RETURNED);
	EXPECT_EQ(ended, COUNTOF(tasks));
	EXPECT_EQ(queue.waiters, 0);
	EXPECT_EQ(wake_all(&queue), 0);
}

static u32 served[4], nserved;
static void
wait_in_line(struct object *arg)
{
	u32 ticket = wait_prepare(&queue);
	(void)arg;
	EXPECT_EQ(wait_sleep(&queue, ticket, WAIT_PLAIN, TIME_NEVER), OK);
	wait_finish(&queue);
	u32 at = __atomic_fetch_add(&nserved, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&served[at], task_self()->id, __ATOMIC_SEQ_CST);
}
TEST(the_longest_waiting_is_woken_first)
{
	struct task *tasks[4];
	nserved = 0;
	for (u32 i = 0; i < 4; i++)
		served[i] = 0;
	for (u32 i = 0; i < 4; i++) {
		tasks[i] = start(wait_in_line, nullptr);
		AWAIT(parked(tasks[i]));
	}
	for (u32 i = 0; i < 4; i++) {
		EXPECT_EQ(wake_one(&queue), 1);
		AWAIT(load(&served[i]) != 0);
		EXPECT_EQ(load(&served[i]), tasks[i]->id);
	}
	for (u32 i = 0; i < 4; i++)
		finish(tasks[i], TASK_RETURNED);
}

TEST(wait_ends_at_its_deadline)
{
	u64 until = clock_now() + 3 * NS_PER_MS;
	EXPECT_EQ(WAIT_UNTIL(&queue, false, WAIT_PLAIN, until), ETIMEDOUT);
	EXPECT(clock_now() >= until);
	EXPECT_EQ(WAIT_UNTIL(&queue, true, WAIT_PLAIN, 0), OK);
	EXPECT_EQ(WAIT_UNTIL(&queue, false, WAIT_PLAIN, 0), ETIMEDOUT);
	EXPECT_EQ(queue.waiters, 0);
}

TEST(interrupt_ends_an_interruptible_wait_only)
{
	task_interrupt(task_current());
	EXPECT_EQ(WAIT_UNTIL(&queue, false, WAIT_INTERRUPTIBLE, TIME_NEVER), EINTR);
	EXPECT_EQ(WAIT_UNTIL(&queue, true, WAIT_INTERRUPTIBLE, TIME_NEVER), OK);
	EXPECT_EQ(WAIT_UNTIL(&queue, false, WAIT_PLAIN, clock_now() + NS_PER_MS), ETIMEDOUT);
	task_clear_interrupt();
}

/* Two tasks that hand a number to and fro: a lost wake-up hangs them. */
static struct wait_queue ping, pong;
static u32 turn;
enum : u32 { TURNS = 3000 };
static void
pinger(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < TURNS; i++) {
		EXPECT_EQ(WAIT_UNTIL(&ping, load(&turn) == 2 * i, WAIT_PLAIN, clock_now() + 40 * NS_PER_SEC), OK);
		add(&turn, 1);
		wake_one(&pong);
	}
}
static void
ponger(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < TURNS; i++) {
		EXPECT_EQ(WAIT_UNTIL(&pong, load(&turn) == 2 * i + 1, WAIT_PLAIN, clock_now() + 40 * NS_PER_SEC), OK);
		add(&turn, 1);
		wake_one(&ping);
	}
}
TEST(no_wakeup_is_lost_between_two)
{
	turn = 0;
	struct task *a = start(pinger, nullptr), *b = start(ponger, nullptr);
	finish(a, TASK_RETURNED);
	finish(b, TASK_RETURNED);
	EXPECT_EQ(turn, 2 * TURNS);
}

/* A semaphore of one queue under load: each unit wakes one. */
static u32 units, taken;
enum : u32 { UNITS = 400, TAKERS = 6 };
static bool
take_unit(void)
{
	u32 n = load(&units);
	while (n != 0)
		if (__atomic_compare_exchange_n(&units, &n, n - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}
static void
taker(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < UNITS; i++) {
		EXPECT_EQ(WAIT_UNTIL(&queue, take_unit(), WAIT_PLAIN, clock_now() + 40 * NS_PER_SEC), OK);
		add(&taken, 1);
	}
}
static void
giver(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < UNITS; i++) {
		add(&units, 1);
		wake_one(&queue);
	}
}
TEST(each_unit_wakes_one_and_none_is_lost)
{
	struct task *tasks[2 * TAKERS];
	units = taken = 0;
	for (u32 i = 0; i < 2 * TAKERS; i++)
		tasks[i] = start(i % 2 == 0 ? taker : giver, nullptr);
	for (u32 i = 0; i < 2 * TAKERS; i++)
		finish(tasks[i], TASK_RETURNED);
	EXPECT_EQ(taken, UNITS * TAKERS);
	EXPECT_EQ(units, 0);
}

/* Time limits that race with wake-ups. */
static void
impatient(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < 100; i++) {
		err_t result = WAIT_UNTIL(&queue, false, WAIT_PLAIN, clock_now() + (i % 5) * 20 * NS_PER_US);
		EXPECT_EQ(result, ETIMEDOUT);
	}
	add(&ended, 1);
}
TEST(time_limits_race_with_wakeups)
{
	struct task *tasks[4];
	ended = 0;
	for (u32 i = 0; i < 4; i++)
		tasks[i] = start(impatient, nullptr);
	while (load(&ended) != 4) {
		wake_many(&queue, 2);
		nap(5 * NS_PER_US);
	}
	for (u32 i = 0; i < 4; i++)
		finish(tasks[i], TASK_RETURNED);
	EXPECT_EQ(queue.waiters, 0);
}

TEST(waiting_in_a_read_section_traps)
{
	EXPECT_TRAP(rcu_read_begin(); (void)WAIT_UNTIL(&queue, false, WAIT_PLAIN, TIME_NEVER));
	queue.waiters = 0;   /* the trap left it counted */
}
