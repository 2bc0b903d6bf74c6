// SPDX-License-Identifier: MPL-2.0
/**
 * nanosleep(2) and clock_nanosleep(2).
 *
 * A relative sleep that a signal cuts short goes on until the same moment (restart_syscall(2)); an absolute one is simply called again.
 * Sleeps until a point of real time look again whenever that clock is stepped.
 */
#include "time_impl.h"

static struct wait_queue sleepers;      /* until points of real time: woken by steps. Others sleep here unwoken */

static void
sleepers_stepped(struct object *unused)
{
	(void)unused;
	(void)wake_all(&sleepers);
}

static struct time_step sleepers_step = { .stepped = sleepers_stepped };

void
sleep_init(void)
{
	time_step_add(&sleepers_step);
}

/** Until the clock reads `until`. => EINTR: a signal */
static err_t
sleep_until(i32 clock, u64 until)
{
	for (;;) {
		u32 steps = clock_realtime_steps();
		bool real = clock_is_real(clock);
		err_t err = WAIT_UNTIL(&sleepers, real && clock_realtime_steps() != steps, WAIT_INTERRUPTIBLE, clock_deadline(clock, until));
		if (err == ETIMEDOUT)
			return OK;
		if (err == EINTR && signal_pending())
			return EINTR;
		if (err == EINTR)
			task_clear_interrupt();
	}
}

/** Until the process has used so much time: looks twice as often as need be, as others use it up, too. */
static err_t
sleep_until_cpu(struct process *process, enum cpu_kind kind, u64 until)
{
	for (;;) {
		u64 now = cpu_clock_read(process, nullptr, kind);
		if (now >= until)
			return OK;
		u64 step = MIN(MAX((until - now) / 2, (u64)NS_PER_MS), 20 * NS_PER_MS);
		TRY(sleep_until(CLOCK_MONOTONIC, deadline_after(step)));
	}
}

struct sleep { i32 clock; u64 until; uaddr_t left; };

static err_t sleep_again(const struct restart *scoped restart, u64 *scoped result);

static err_t
sleep_cpu(i32 clock, u64 until, u64 *scoped now)
{
	struct cpu_clock cpu = {};
	TRY(cpu_clock_find(clock, &cpu));
	err_t err = sleep_until_cpu(cpu.process, cpu.kind, until);
	*now = cpu_clock_read(cpu.process, nullptr, cpu.kind);
	cpu_clock_put(&cpu);
	return err;
}

/** A relative sleep; its end is fixed. */
static err_t
sleep_run(const struct sleep *scoped sleep)
{
	u64 now = 0;
	err_t err = cpu_clock_is(sleep->clock) ? sleep_cpu(sleep->clock, sleep->until, &now) : sleep_until(sleep->clock, sleep->until);
	if (err != EINTR)
		return err;
	(void)clock_read(sleep->clock, &now);
	if (now >= sleep->until)
		return OK;
	struct timespec left = timespec_from_ns(sleep->until - now);
	if (sleep->left.raw != 0)
		TRY(copy_out_value(sleep->left, left));
	thread_current()->restart = (struct restart){ sleep_again, { (u64)(i64)sleep->clock, sleep->until, sleep->left.raw } };
	return ERESTART_RESTARTBLOCK;
}

static err_t
sleep_again(const struct restart *scoped restart, u64 *scoped result)
{
	*result = 0;
	struct sleep sleep = { (i32)restart->arg[0], restart->arg[1], UADDR(restart->arg[2]) };
	return sleep_run(&sleep);
}

err_t
sys_nanosleep(uaddr_t req, uaddr_t rem)
{
	struct timespec time = {};
	TRY(copy_in_value(time, req));
	if (!timespec_valid(time))
		return EINVAL;
	struct sleep sleep = { CLOCK_MONOTONIC, deadline_after(timespec_to_ns(time)), rem };
	return sleep_run(&sleep);
}

/** Whether the clock is there (EINVAL), and can be slept on (EOPNOTSUPP). */
static err_t
sleep_check(i32 clock)
{
	u64 ns = 0;
	struct cpu_clock cpu = {};
	if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ||
	    clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM || clock == CLOCK_THREAD_CPUTIME_ID)
		return EOPNOTSUPP;
	if (clock_read(clock, &ns))
		return OK;
	TRY(cpu_clock_find(clock, &cpu));
	/* A thread that waits for its own CPU time waits for ever. */
	bool own = cpu.thread == thread_current(), others = cpu.thread != nullptr;
	cpu_clock_put(&cpu);
	return own ? EINVAL : others ? EOPNOTSUPP : OK;
}

static err_t
sleep_absolute(i32 clock, u64 until)
{
	u64 now = 0;
	err_t err = cpu_clock_is(clock) ? sleep_cpu(clock, until, &now) : sleep_until(clock, until);
	return err == EINTR ? ERESTARTNOHAND : err;
}

err_t
sys_clock_nanosleep(i32 clock, u32 flags, uaddr_t req, uaddr_t rem)
{
	struct timespec time = {};
	u64 now = 0;
	TRY(sleep_check(clock));
	TRY(copy_in_value(time, req));
	if (!timespec_valid(time))
		return EINVAL;
	u64 ns = timespec_to_ns(time);
	if ((flags & TIMER_ABSTIME) != 0)
		return sleep_absolute(clock, ns);
	if (cpu_clock_is(clock)) {
		struct cpu_clock cpu = {};
		TRY(cpu_clock_find(clock, &cpu));
		now = cpu_clock_read(cpu.process, nullptr, cpu.kind);
		cpu_clock_put(&cpu);
	}
	/* A relative time is not moved by steps of the real-time clock. */
	struct sleep sleep = { CLOCK_MONOTONIC, deadline_after(ns), rem };
	if (cpu_clock_is(clock))
		sleep = (struct sleep){ clock, now + MIN(ns, TIME_NEVER - 1 - now), rem };
	return sleep_run(&sleep);
}
