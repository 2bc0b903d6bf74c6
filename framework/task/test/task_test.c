// SPDX-License-Identifier: MPL-2.0
// Tasks: their life, joining, sleeping, being interrupted, preempted, stopped.
#include <cadre/time.h>
#include <task/task_impl.h>
#include <task/test/child.h>

static u32 ran;   /* [atomic] */

static void
count(struct object *arg)
{
	(void)arg;
	__atomic_fetch_add(&ran, 1, __ATOMIC_SEQ_CST);
}

TEST(task_runs_once_and_is_joined)
{
	ran = 0;
	struct task *task = start(count, nullptr);
	EXPECT_EQ(task_start(task), EINVAL);
	EXPECT(task_id(task) != task_id(task_current()));
	finish(task, TASK_RETURNED);
	EXPECT_EQ(ran, 1);
}

TEST(task_never_started_can_be_put)
{
	struct task *task = nullptr;
	EXPECT_EQ(task_create(count, nullptr, TEXT("a name that is much longer than thirty-one bytes"), &task), OK);
	EXPECT_EQ(task->name[31], 0);
	EXPECT_EQ(task_ended(task), TASK_ALIVE);
	task_put(task);
	EXPECT_TRAP(task_put(task));
	EXPECT_TRAP((void)task_create(nullptr, nullptr, TEXT("x"), &task));
}

static void self_join(struct object *arg) { (void)arg; EXPECT_EQ(task_join(task_current(), TIME_NEVER), EDEADLK); }
TEST(task_that_joins_itself_is_told_so) { finish(start(self_join, nullptr), TASK_RETURNED); }

static void exit_deep(struct object *arg) { (void)arg; ran = 7; task_exit(); }
TEST(task_exit_ends_the_task) { finish(start(exit_deep, nullptr), TASK_RETURNED); EXPECT_EQ(ran, 7); }

static void trap(struct object *arg) { (void)arg; misuse("on purpose"); }
TEST(task_that_traps_ends_alone) { finish(start(trap, nullptr), TASK_TRAPPED); }

TEST(task_exit_inside_a_contained_call_traps) { ran = 0; EXPECT(!contain_call(exit_deep, nullptr)); EXPECT_EQ(ran, 7); }

static struct vm_space *space;
static void
open_cursor(struct vm_cursor *cursor)
{
	EXPECT_EQ(vm_cursor_open(space, UADDR(USER_START), UADDR(USER_START + PAGE_SIZE), cursor), OK);
}
static void exit_with_cursor(struct object *arg) { (void)arg; struct vm_cursor cursor = {}; open_cursor(&cursor); task_exit(); }
static void enable_with_cursor(struct object *arg) { (void)arg; struct vm_cursor cursor = {}; open_cursor(&cursor); preempt_enable(); task_exit(); }
static void use_cursor(struct object *arg) { (void)arg; struct vm_cursor cursor = {}; open_cursor(&cursor); vm_cursor_close(&cursor); }
TEST(task_that_ends_with_a_cursor_open_traps_and_it_is_closed)
{
	EXPECT_EQ(vm_space_create(&space), OK);
	finish(start(exit_with_cursor, nullptr), TASK_TRAPPED);
	finish(start(enable_with_cursor, nullptr), TASK_TRAPPED);
	run_all(use_cursor, 8);
	vm_space_put(space);
}

static struct mutex kept;
static void return_with_lock(struct object *arg) NO_THREAD_SAFETY("on purpose") { (void)arg; mutex_acquire(&kept); }
TEST(task_that_returns_with_a_lock_traps_and_poisons_it)
{
	kept = (struct mutex){};
	finish(start(return_with_lock, nullptr), TASK_TRAPPED);
	EXPECT(mutex_poisoned(&kept));
	MUTEX_SCOPE(&kept);
	mutex_clear_poison(&kept);
	EXPECT(!mutex_poisoned(&kept));
}

static void return_unpreemptible(struct object *arg) { (void)arg; preempt_disable(); }
TEST(task_that_returns_with_preemption_off_traps) { finish(start(return_unpreemptible, nullptr), TASK_TRAPPED); }

static void sleep_long(struct object *arg) { (void)arg; ran = (u32)task_sleep_until(clock_now() + 100 * NS_PER_SEC, true); task_clear_interrupt(); }
TEST(interrupted_sleep_ends_with_eintr)
{
	ran = 0;
	struct task *task = start(sleep_long, nullptr);
	(void)task_sleep_until(clock_now() + 2 * NS_PER_MS, false);
	task_interrupt(task);
	finish(task, TASK_RETURNED);
	EXPECT_EQ(ran, EINTR);
}

TEST(interrupt_before_the_sleep_counts)
{
	task_interrupt(task_current());
	EXPECT(task_interrupted());
	EXPECT_EQ(task_sleep_until(clock_now() + NS_PER_SEC, true), EINTR);
	u64 start = clock_now();
	EXPECT_EQ(task_sleep_until(start + NS_PER_MS, false), OK);
	EXPECT(clock_now() >= start + NS_PER_MS);
	task_clear_interrupt();
	EXPECT(!task_interrupted());
	EXPECT_EQ(task_sleep_until(clock_now() + NS_PER_MS, true), OK);
}

TEST(join_times_out)
{
	struct task *task = start(sleep_long, nullptr);
	EXPECT_EQ(task_join(task, clock_now() + 2 * NS_PER_MS), ETIMEDOUT);
	task_interrupt(task);
	finish(task, TASK_RETURNED);
}

static void spin_until_set(struct object *arg) { (void)arg; while (__atomic_load_n(&ran, __ATOMIC_SEQ_CST) < 100) arch_pause(); }
static void set(struct object *arg) { (void)arg; __atomic_store_n(&ran, 100, __ATOMIC_SEQ_CST); }
TEST(endless_loops_are_preempted)
{
	struct task *spinners[8];
	ran = 0;
	for (u32 i = 0; i < COUNTOF(spinners); i++)
		spinners[i] = start(spin_until_set, nullptr);
	finish(start(set, nullptr), TASK_RETURNED);
	for (u32 i = 0; i < COUNTOF(spinners); i++)
		finish(spinners[i], TASK_RETURNED);
}

static void yield_a_lot(struct object *arg) { (void)arg; for (u32 i = 0; i < 200; i++) task_yield(); count(nullptr); }
TEST(many_tasks_that_yield_all_end)
{
	struct task *tasks[24];
	ran = 0;
	for (u32 i = 0; i < COUNTOF(tasks); i++)
		tasks[i] = start(yield_a_lot, nullptr);
	for (u32 i = 0; i < COUNTOF(tasks); i++)
		finish(tasks[i], TASK_RETURNED);
	EXPECT_EQ(ran, COUNTOF(tasks));
}

static struct spin_lock lock;
static void lock_and_sleep(void) NO_THREAD_SAFETY("on purpose") { spin_acquire(&lock); (void)task_sleep_until(clock_now() + 1, false); }
static void lock_and_enable(void) NO_THREAD_SAFETY("on purpose") { spin_acquire(&lock); preempt_enable(); }
TEST(sleeping_where_it_must_not_traps)
{
	EXPECT_TRAP(preempt_disable(); task_yield());
	EXPECT_TRAP(lock_and_sleep());
	EXPECT(spin_poisoned(&lock));
	EXPECT_TRAP(rcu_read_begin(); task_exit());
	EXPECT_EQ(this_cpu()->preempt_off, 0);
	EXPECT_EQ(task_current()->rcu_depth, 0);
	EXPECT_TRAP(preempt_enable());
	EXPECT_TRAP(lock_and_enable());
	EXPECT_TRAP(task_id(nullptr));
}

TEST(owner_is_set_once_before_the_start)
{
	struct task *task = nullptr;
	ran = 0;
	EXPECT_EQ(task_create(count, nullptr, TEXT("owned"), &task), OK);
	EXPECT(task_owner(task) == nullptr);
	EXPECT_EQ(task_set_owner(task, (struct object *)task), OK);
	EXPECT_EQ(task_set_owner(task, (struct object *)task), EINVAL);
	EXPECT(task_owner(task) == (struct object *)task);
	EXPECT_EQ(task_start(task), OK);
	finish(task, TASK_RETURNED);
}

/** Runs for 5 ms. A long step of the clock is time in which others ran: it does not count. */
static void
burn(struct object *arg)
{
	(void)arg;
	for (u64 used = 0, last = clock_now(), now; used < 5 * NS_PER_MS; last = now) {
		arch_pause();
		now = clock_now();
		used += now - last < 200 * NS_PER_US ? now - last : 0;
	}
}

TEST(time_used_is_booked)
{
	u64 begun = clock_now();
	struct task *task = start(burn, nullptr);
	EXPECT_EQ(task_join(task, TIME_NEVER), OK);
	struct task_times times = task_times(task);
	EXPECT(times.kernel_ns >= NS_PER_MS && times.kernel_ns <= clock_now() - begun);
	EXPECT_EQ(times.user_ns, 0);
	EXPECT(task_cpu(task) < cpu_count());
	task_put(task);
}

struct owned { u64 word; };
struct other { u64 word; };
OBJECT_DECLARE(owned);
OBJECT_DEFINE(owned);
OBJECT_DECLARE(other);
OBJECT_DEFINE(other);
static struct owned *seen;
static struct other *not_seen;   /* the question is asked for the answer: one that nobody uses need not be asked */
static u32 refused;
static void
look_at_owner(struct object *arg)
{
	(void)arg;
	seen = owned_of_current_task();
	refused = 0;
	struct contain_frame frame;
	if (contain_begin(&frame) == 0) {
		not_seen = other_of_current_task();
		contain_end(&frame);
	} else {
		refused = 1;
	}
}
TEST(the_running_tasks_owner_is_had_by_its_type_alone)
{
	struct task *task = nullptr;
	struct owned *owned = owned_alloc();
	seen = nullptr;
	EXPECT_EQ(task_create(look_at_owner, nullptr, TEXT("owned"), &task), OK);
	EXPECT(task_entity(task) == task->entity);   /* null while no policy is in charge */
	EXPECT_EQ(task_set_owner(task, owned_object(owned)), OK);
	EXPECT_EQ(task_start(task), OK);
	finish(task, TASK_RETURNED);
	EXPECT(seen == owned);
	EXPECT_EQ(refused, 1);
	owned_put(owned);
	EXPECT_TRAP(seen = owned_of_current_task());   /* this task has no owner */
}
