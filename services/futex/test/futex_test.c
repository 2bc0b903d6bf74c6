// SPDX-License-Identifier: MPL-2.0
// Futexes: each wake-up wakes who waits on that word, as many as it says; requeued waiters are woken where they are; none is lost.
#include <program.h>

#include <cadre/vm_space.h>

#include <futex.h>
#include <uio.h>
#include <syscall_handlers.h>

enum : u32 { WORDS = 24, WAITERS = 6, WAIT = 128, WAKE = 129, REQUEUE = 131, CMP_REQUEUE = 132, WAIT_BITSET = 137, WAKE_BITSET = 138 };
enum : u64 { AT_WORDS = 65536, STRIDE = 52 };   /* words of many buckets, on both sides of a page's end */

static u32 numbers, woken;   /* [atomic] */
static u32 target;           /* [const] while threads run: the word they wait on */

static uaddr_t word_at(u32 i) { return program_at(AT_WORDS - 600 + i * STRIDE); }

static void
word_set(u32 i, u32 value)
{
	program_put(AT_WORDS - 600 + i * STRIDE, &value, 4);
}

static u64
wake(u32 i, u32 n)
{
	u64 got = 0;
	EXPECT_EQ(sys_futex(word_at(i), WAKE, n, UADDR(0), UADDR(0), 0, &got), OK);
	return got;
}

static void
wait_once(void)
{
	u64 got = 0;
	__atomic_fetch_add(&numbers, 1, __ATOMIC_SEQ_CST);
	EXPECT_EQ(sys_futex(word_at(target), WAIT, 7, UADDR(0), UADDR(0), 0, &got), OK);
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
}

/** Wakes up to n on the word in all, however late they come to sleep. */
static void
wake_exactly(u32 i, u32 n)
{
	u64 sum = 0;
	AWAIT((sum += wake(i, n - (u32)sum)) == n);
	AWAIT(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) >= n);
}

PROGRAM_TEST(a_wake_up_reaches_its_own_word_alone)
{
	for (u32 i = 0; i < WORDS; i++)
		word_set(i, 7);
	for (target = 0; target < WORDS; target += 5) {
		numbers = woken = 0;
		for (u32 i = 0; i < WAITERS; i++)
			program_thread(wait_once);
		AWAIT(__atomic_load_n(&numbers, __ATOMIC_SEQ_CST) == WAITERS);
		for (u32 i = 0; i < WORDS; i++)
			EXPECT(i == target || wake(i, 100) == 0);
		EXPECT_EQ(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), 0);
		wake_exactly(target, WAITERS);
		program_join();
		EXPECT_EQ(wake(target, 100), 0);
	}
}

/** => how many went over to word 9 this time */
static u64
requeue_all(void)
{
	u64 got = 0;
	EXPECT_EQ(sys_futex(word_at(0), CMP_REQUEUE, 0, UADDR(WAITERS), word_at(9), 7, &got), OK);
	return got;
}

PROGRAM_TEST(requeued_waiters_are_woken_at_the_other_word)
{
	u64 got = 0, moved = 0;
	word_set(0, 7);
	word_set(9, 7);
	numbers = woken = target = 0;
	for (u32 i = 0; i < WAITERS; i++)
		program_thread(wait_once);
	EXPECT_EQ(sys_futex(word_at(0), CMP_REQUEUE, 0, UADDR(0), word_at(9), 8, &got), EAGAIN);
	AWAIT((moved += requeue_all()) == WAITERS);
	EXPECT_EQ(wake(0, 100), 0);
	EXPECT_EQ(__atomic_load_n(&woken, __ATOMIC_SEQ_CST), 0);
	wake_exactly(9, WAITERS);
	program_join();
}

/* A lock of user space on a futex: a lost wake-up hangs it. Its word is changed by user_compare_exchange, as a program's instruction would. */
static u64 inside, entered;   /* [atomic] */

static void
locker(void)
{
	for (u32 i = 0; i < 300; i++) {
		u64 got = 0;
		u32 old = 0;
		err_t err;
		while ((old = 0, err = user_compare_exchange(word_at(3), &old, 1)) == EAGAIN)
			if (sys_futex(word_at(3), WAIT, 1, UADDR(0), UADDR(0), 0, &got) != OK)
				task_yield();
		EXPECT_EQ(err, OK);
		EXPECT_EQ(__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST), 0);
		entered++;
		if (i % 8 == 0)
			task_yield();
		__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
		old = 1;
		EXPECT_EQ(user_compare_exchange(word_at(3), &old, 0), OK);
		EXPECT_EQ(sys_futex(word_at(3), WAKE, 1, UADDR(0), UADDR(0), 0, &got), OK);
	}
}

PROGRAM_TEST(a_lock_on_a_futex_excludes_and_never_hangs)
{
	inside = entered = 0;
	word_set(3, 0);
	for (u32 i = 0; i < 4; i++)
		program_thread(locker);
	program_join();
	EXPECT_EQ(entered, 1200);
}

PROGRAM_TEST(hostile_futex_calls_are_refused)
{
	u64 got = 0;
	EXPECT_EQ(sys_futex(UADDR(word_at(0).raw + 1), WAIT, 0, UADDR(0), UADDR(0), 0, &got), EINVAL);
	EXPECT_EQ(sys_futex(UADDR(8), WAIT, 0, UADDR(0), UADDR(0), 0, &got), EFAULT);
	EXPECT_EQ(sys_futex(UADDR(~(u64)3), WAIT, 0, UADDR(0), UADDR(0), 0, &got), EFAULT);
	EXPECT_EQ(sys_futex(UADDR(USER_END - 4096), WAKE, 1, UADDR(0), UADDR(0), 0, &got), OK);
	EXPECT_EQ(sys_futex(word_at(0), WAIT_BITSET, 0, UADDR(0), UADDR(0), 0, &got), EINVAL);
	EXPECT_EQ(sys_futex(word_at(0), 99, 0, UADDR(0), UADDR(0), 0, &got), ENOSYS);
}
