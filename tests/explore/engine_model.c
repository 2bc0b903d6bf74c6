// SPDX-License-Identifier: MPL-2.0
// The explorer's own tests: small classics whose outcomes are known. run.py plants a bug in each and expects it to be found.
#include <explore.h>

/* A lock of one word with await as its futex: 0 free, 1 held, 2 held and somebody may wait. */
static u32 lock, inside, total;

static void
mini_acquire(void)
{
	u32 expected = 0;
	if (__atomic_compare_exchange_n(&lock, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE) != 0)
		explore_await(&lock, 2);
}

static void
mini_release(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE); /* plant: relaxed_unlock */
}

static void
mini_thread(void)
{
	for (u32 i = 0; i < 2; i++) {
		mini_acquire();
		total++;
		EXPLORE_CHECK(__atomic_fetch_add(&inside, 1, __ATOMIC_RELAXED) == 0);
		__atomic_fetch_sub(&inside, 1, __ATOMIC_RELAXED);
		mini_release();
	}
}

static void
mini_finish(void)
{
	EXPLORE_CHECK(total == 6);
}

MODEL(mini_mutex, .threads = { mini_thread, mini_thread, mini_thread }, .finish = mini_finish);

/* Dekker: each raises its flag and looks at the other's. Needs a fence between on x86. */
static u32 flag[2], entered;

static void
dekker_thread(void)
{
	u32 self = explore_self();
	__atomic_store_n(&flag[self], 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* plant: no_fence */
	if (__atomic_load_n(&flag[1 - self], __ATOMIC_RELAXED) == 0)
		__atomic_fetch_add(&entered, 1, __ATOMIC_RELAXED);
}

static void
dekker_finish(void)
{
	EXPLORE_CHECK(entered <= 1);
}

MODEL(dekker, .threads = { dekker_thread, dekker_thread }, .finish = dekker_finish);

/* A sleeper and a waker: the sleeper announces itself, then looks; the waker changes, then looks for sleepers. */
static u32 ready, sleeping, woken;

static void
sleeper_thread(void)
{
	__atomic_store_n(&sleeping, 1, __ATOMIC_SEQ_CST); /* plant: announce_late */
	if (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) == 0)
		explore_await(&woken, 0);
}

static void
waker_thread(void)
{
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&sleeping, __ATOMIC_SEQ_CST) != 0)
		__atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
}

MODEL(sleep_and_wake, .threads = { sleeper_thread, waker_thread });

/* References: the last of two puts frees. */
static struct { u32 refs, data; } object;

static void
put_thread(void)
{
	object.data++; /* plant: none */
	if (__atomic_fetch_sub(&object.refs, 1, __ATOMIC_ACQ_REL) == 1) /* plant: two_steps */
		explore_free(&object, sizeof(object));
}

static void
put_setup(void)
{
	object.refs = 2;
}

static void
read_thread(void)
{
	EXPLORE_CHECK(__atomic_load_n(&object.refs, __ATOMIC_RELAXED) <= 2);
	if (__atomic_fetch_sub(&object.refs, 1, __ATOMIC_ACQ_REL) == 1)
		explore_free(&object, sizeof(object));
}

MODEL(last_put_frees, .setup = put_setup, .threads = { put_thread, read_thread });
