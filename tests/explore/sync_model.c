// SPDX-License-Identifier: MPL-2.0
// The locks and wait queues of sync/, unmodified, over a scheduler as small as can be (env_task.c).
#include <explore.h>
#include <sync/lock.h>
#include "env.h"

static u32 guarded;   /* plain: any two that are inside at once race */

static void setup1(void) { env_tasks_init(1); }
static void setup2(void) { env_tasks_init(2); }
static void setup3(void) { env_tasks_init(3); }
static void guarded_is_2(void) { EXPLORE_CHECK(guarded == 2); }
static void guarded_is_3(void) { EXPLORE_CHECK(guarded == 3); }
static void guarded_is_4(void) { EXPLORE_CHECK(guarded == 4); }

/* --- spin locks --- */

static struct spin_lock spin;

static void
spin_thread(void) NO_THREAD_SAFETY("a model")
{
	spin_acquire(&spin);
	EXPLORE_CHECK(spin_held(&spin));
	guarded++;
	spin_release(&spin);
}

static void
spin_try_thread(void) NO_THREAD_SAFETY("a model")
{
	if (!spin_try_acquire(&spin))
		spin_acquire(&spin);
	guarded++;
	spin_release(&spin);
}

MODEL(spin_two, .setup = setup2, .threads = { spin_thread, spin_try_thread }, .finish = guarded_is_2);
MODEL(spin_three, .setup = setup3, .threads = { spin_thread, spin_try_thread, spin_thread }, .finish = guarded_is_3);

/* --- mutexes --- */

static struct mutex mutex;

static void
mutex_thread(void) NO_THREAD_SAFETY("a model")
{
	mutex_acquire(&mutex);
	EXPLORE_CHECK(mutex_held(&mutex));
	guarded++;
	mutex_release(&mutex);
}

static void
mutex_twice_thread(void)
{
	mutex_thread();
	mutex_thread();
}

MODEL(mutex_two, .setup = setup2, .threads = { mutex_thread, mutex_thread }, .finish = guarded_is_2);
MODEL(mutex_two_twice, .setup = setup2, .threads = { mutex_twice_thread, mutex_twice_thread }, .finish = guarded_is_4);
MODEL(mutex_three, .setup = setup3, .threads = { mutex_thread, mutex_thread, mutex_thread }, .finish = guarded_is_3, .no_race = true);

/* --- wait queues --- */

static struct wait_queue queue;
static u32 ready, taken;

static void
waiter_thread(void)
{
	EXPLORE_CHECK(WAIT_UNTIL(&queue, __atomic_load_n(&ready, __ATOMIC_ACQUIRE) != 0, WAIT_PLAIN, TIME_NEVER) == OK);
	EXPLORE_CHECK(guarded == 1);
}

static void
waker_thread(void)
{
	guarded = 1;
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	wake_all(&queue);
}

/* One wake-up an item: each is taken by one, and no waiter sleeps beside an item. */
static bool
item_take(void)
{
	u32 items = __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
	while (items != 0)
		if (__atomic_compare_exchange_n(&ready, &items, items - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

static void
taker_thread(void)
{
	EXPLORE_CHECK(WAIT_UNTIL(&queue, item_take(), WAIT_PLAIN, TIME_NEVER) == OK);
	__atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
}

static void
giver_thread(void)
{
	for (u32 i = 0; i < 2; i++) {
		__atomic_fetch_add(&ready, 1, __ATOMIC_RELEASE);
		wake_one(&queue);
	}
}

static void taken_is_2(void) { EXPLORE_CHECK(taken == 2 && queue.waiters == 0); }

MODEL(wait_one, .setup = setup2, .threads = { waiter_thread, waker_thread });
MODEL(wait_two, .setup = setup3, .threads = { waiter_thread, waker_thread, waiter_thread });
MODEL(wait_items, .setup = setup3, .threads = { taker_thread, giver_thread, taker_thread }, .finish = taken_is_2, .no_race = true);

static void
interruptible_thread(void)
{
	err_t err = WAIT_UNTIL(&queue, __atomic_load_n(&ready, __ATOMIC_ACQUIRE) != 0, WAIT_INTERRUPTIBLE, TIME_NEVER);
	EXPLORE_CHECK(err == OK || err == EINTR);
}

static void interrupting_thread(void) { task_interrupt(env_task(0)); }

static void
timed_thread(void)
{
	err_t err = WAIT_UNTIL(&queue, __atomic_load_n(&ready, __ATOMIC_ACQUIRE) != 0, WAIT_PLAIN, 100);
	EXPLORE_CHECK(err == OK || (err == ETIMEDOUT && arch_clock_ns() >= 100));
}

static void time_thread(void) { env_time_passes(100); }

MODEL(wait_interrupted, .setup = setup1, .threads = { interruptible_thread, interrupting_thread });
MODEL(wait_interrupted_or_woken, .setup = setup1, .threads = { interruptible_thread, interrupting_thread, waker_thread });
MODEL(wait_timed_out, .setup = setup1, .threads = { timed_thread, time_thread });
MODEL(wait_timed_out_or_woken, .setup = setup1, .threads = { timed_thread, time_thread, waker_thread });

/* --- reader-writer locks --- */

static struct rw_lock rw;

static void
writer_thread(void) NO_THREAD_SAFETY("a model")
{
	rw_write_acquire(&rw);
	guarded++;
	rw_write_release(&rw);
}

static void
reader_thread(void) NO_THREAD_SAFETY("a model")
{
	rw_read_acquire(&rw);
	u32 seen = guarded;
	EXPLORE_CHECK(seen <= 2);
	rw_read_release(&rw);
}

static void
downgrade_thread(void) NO_THREAD_SAFETY("a model")
{
	rw_write_acquire(&rw);
	u32 seen = ++guarded;
	rw_downgrade(&rw);
	EXPLORE_CHECK(guarded == seen);
	rw_read_release(&rw);
}

MODEL(rw_two_writers, .setup = setup2, .threads = { writer_thread, writer_thread }, .finish = guarded_is_2);
MODEL(rw_writer_and_reader, .setup = setup2, .threads = { writer_thread, reader_thread });
MODEL(rw_downgrade_writer, .setup = setup2, .threads = { downgrade_thread, writer_thread }, .finish = guarded_is_2);
MODEL(rw_downgrade_reader, .setup = setup2, .threads = { downgrade_thread, reader_thread });
MODEL(rw_writers_and_reader, .setup = setup3, .threads = { writer_thread, reader_thread, writer_thread }, .finish = guarded_is_2, .no_race = true);
MODEL(rw_readers_and_writer, .setup = setup3, .threads = { reader_thread, writer_thread, reader_thread }, .no_race = true);

