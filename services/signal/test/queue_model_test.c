// SPDX-License-Identifier: MPL-2.0
// Queues of pending signals beside a model: standard ones once, real-time ones each, the lowest number first, in their order.
#include <program.h>

#include <signal.h>
#include <syscall_handlers.h>

enum : u32 { DEPTH = 64, STEPS = 6000, FIRST = 34, COUNT = 12, LOWEST = 10 };
enum : u64 { AT_SET = 0, AT_INFO = 256, AT_TIME = 512, SET_SIZE = 8 };

/* Signals LOWEST (USR1), 12 (USR2) and real-time ones from FIRST on; all are blocked. */
struct line { u64 values[DEPTH]; u32 n; };
static struct line lines[65];
static u64 seed;

static u32 draw(u32 below) { return program_random(&seed, below); }
static u32 signal_draw(void) { u32 i = draw(COUNT); return i == 0 ? 10u : i == 1 ? 12u : FIRST + i * 2; }
static u64 bit_of(u32 number) { return (u64)1 << (number - 1); }

static void
step_send(void)
{
	u32 number = signal_draw(), words[32] = { number };
	struct line *line = &lines[number];
	u64 pid = 0, value = seed;
	EXPECT_EQ(sys_getpid(&pid), OK);
	words[2] = (u32)SI_QUEUE;
	words[4] = (u32)pid;
	words[6] = (u32)value, words[7] = (u32)(value >> 32);
	if (line->n == DEPTH)
		return;
	EXPECT_EQ(sys_rt_sigqueueinfo((i32)pid, (i32)number, program_put(AT_INFO, words, 128)), OK);
	if (number >= 32 || line->n == 0)
		line->values[line->n++] = value;
}

static void
step_take(void)
{
	u64 set = 0, zero[2] = {}, got = 0;
	u32 expected = 0, words[32];
	for (u32 i = 0; i < 6; i++)
		set |= bit_of(signal_draw());
	for (u32 number = 1; number <= 64 && expected == 0; number++)
		expected = (set & bit_of(number)) != 0 && lines[number].n != 0 ? number : 0;
	err_t err = sys_rt_sigtimedwait(program_put(AT_SET, &set, 8), program_at(AT_INFO), program_put(AT_TIME, zero, 16), SET_SIZE, &got);
	EXPECT_EQ(err, expected == 0 ? EAGAIN : OK);
	if (err != OK || expected == 0)
		return;
	EXPECT_EQ(got, expected);
	program_get(AT_INFO, words, 128);
	struct line *line = &lines[expected];
	EXPECT_EQ(words[6] | (u64)words[7] << 32, line->values[0]);
	for (u32 i = 1; i < line->n; i++)
		line->values[i - 1] = line->values[i];
	line->n--;
}

static void
check_pending(void)
{
	u64 set = 0, expected = 0;
	EXPECT_EQ(sys_rt_sigpending(program_at(AT_SET), SET_SIZE), OK);
	program_get(AT_SET, &set, 8);
	for (u32 number = 1; number <= 64; number++)
		expected |= lines[number].n != 0 ? bit_of(number) : 0;
	EXPECT_EQ(set, expected);
}

/** To ignore a signal is to forget what is pending of it. */
static void
step_ignore(void)
{
	u32 number = signal_draw();
	u64 action[4] = { 1 };
	EXPECT_EQ(sys_rt_sigaction((i32)number, program_put(AT_INFO, action, 32), UADDR(0), SET_SIZE), OK);
	action[0] = 0;
	EXPECT_EQ(sys_rt_sigaction((i32)number, program_put(AT_INFO, action, 32), UADDR(0), SET_SIZE), OK);
	lines[number].n = 0;
}

PROGRAM_TEST(pending_signals_are_those_of_the_model)
{
	u64 all = ~(u64)0;
	for (u32 i = 0; i < 65; i++)
		lines[i].n = 0;
	EXPECT_EQ(sys_rt_sigprocmask(0, program_put(AT_SET, &all, 8), UADDR(0), SET_SIZE), OK);
	seed = 5;
	for (u32 i = 0; i < STEPS; i++) {
		u32 what = draw(20);
		if (what < 9)
			step_send();
		else if (what < 19)
			step_take();
		else
			step_ignore();
		check_pending();
	}
}

/* --- many senders: no real-time signal is lost or doubled --- */

enum : u32 { SENDERS = 3, EACH = 300, NUMBER = 40 };
static u32 sender_numbers;   /* [atomic] */

static void
sender(void)
{
	u32 me = __atomic_fetch_add(&sender_numbers, 1, __ATOMIC_SEQ_CST), words[32] = { NUMBER };
	u64 pid = 0, at = 4096 + me * 512;
	EXPECT_EQ(sys_getpid(&pid), OK);
	words[2] = (u32)SI_QUEUE;
	for (u32 i = 0; i < EACH; i++) {
		err_t err;
		words[6] = me, words[7] = i;
		while ((err = sys_rt_sigqueueinfo((i32)pid, NUMBER, program_put(at, words, 128))) == EAGAIN)
			task_yield();   /* RLIMIT_SIGPENDING */
		EXPECT_EQ(err, OK);
	}
}

PROGRAM_TEST(real_time_signals_of_many_senders_come_each_once_and_in_order)
{
	u64 set = bit_of(NUMBER), all = ~(u64)0, time[2] = { 60 }, got = 0;
	u32 next[SENDERS] = {}, words[32];
	sender_numbers = 0;
	EXPECT_EQ(sys_rt_sigprocmask(0, program_put(AT_SET, &all, 8), UADDR(0), SET_SIZE), OK);
	for (u32 i = 0; i < SENDERS; i++)
		program_thread(sender);
	for (u32 i = 0; i < SENDERS * EACH; i++) {
		program_put(AT_SET, &set, 8);
		err_t err;
		program_put(AT_TIME, time, 16);
		while ((err = sys_rt_sigtimedwait(program_at(AT_SET), program_at(AT_INFO), program_at(AT_TIME), SET_SIZE, &got)) == EINTR)
			task_clear_interrupt();   /* as the way to user mode does */
		EXPECT_EQ(err, OK);
		EXPECT_EQ(got, NUMBER);
		program_get(AT_INFO, words, 128);
		EXPECT(words[6] < SENDERS);
		EXPECT_EQ(words[7], next[words[6] % SENDERS]);
		next[words[6] % SENDERS]++;
	}
	program_join();
}
