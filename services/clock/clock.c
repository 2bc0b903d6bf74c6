// SPDX-License-Identifier: MPL-2.0
/**
 * Clocks: real time as an offset to the monotonic clock.
 *
 * The offset is one atomic word: a reader sees the time before a step or after it. Whoever sleeps until a point of real time is told of
 * steps by a function that it registers at boot.
 */
#include <cadre/atomic.h>
#include <cadre/log.h>

#include <clock.h>

static struct atomic64 realtime_offset;     /* ns from clock_now() to real time, modulo 2^64 */
static struct atomic32 realtime_steps;
static struct atomic32 tai_offset_sec;      /* TAI - UTC, as adjtimex(2) was told */

static clock_step_fn *step_fns[CLOCK_STEP_FNS];     /* [boot] */
static u32 step_fn_count;                           /* [boot] */

void
clock_start(void)
{
	atomic64_store(&realtime_offset, clock_boot_realtime());
}

void
clock_on_step(clock_step_fn *fn)
{
	assert(step_fn_count < CLOCK_STEP_FNS);
	step_fns[step_fn_count] = fn;
	step_fn_count++;
}

u64
clock_realtime_offset(void)
{
	return atomic64_load_relaxed(&realtime_offset);
}

u64
clock_realtime(void)
{
	return clock_now() + clock_realtime_offset();
}

void
clock_realtime_set(u64 now_ns)
{
	atomic64_store(&realtime_offset, now_ns - clock_now());
	(void)atomic32_add(&realtime_steps, 1);
	for (u32 i = 0; i < CLOCK_STEP_FNS; i++) {
		clock_step_fn *fn = step_fns[i];
		if (fn != nullptr)
			fn();
	}
}

u32
clock_realtime_steps(void)
{
	return atomic32_load(&realtime_steps);
}

u64
clock_deadline_of_realtime(u64 realtime_ns)
{
	u64 offset = clock_realtime_offset();
	if (realtime_ns == TIME_NEVER)
		return TIME_NEVER;
	return realtime_ns > offset ? realtime_ns - offset : 0;
}

i32
clock_tai_offset(void)
{
	return (i32)atomic32_load_relaxed(&tai_offset_sec);
}

void
clock_set_tai_offset(i32 sec)
{
	atomic32_store(&tai_offset_sec, (u32)sec);
}

u64
timespec_to_ns(struct timespec t)
{
	u64 sec = (u64)t.sec, max = (TIME_NEVER - 1) / NS_PER_SEC;
	return sec >= max ? TIME_NEVER - 1 : sec * NS_PER_SEC + (u64)t.nsec;
}

u64
deadline_after(u64 ns)
{
	u64 now = clock_now();
	return ns >= TIME_NEVER - now ? TIME_NEVER : now + ns;
}
