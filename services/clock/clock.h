// SPDX-License-Identifier: MPL-2.0
/**
 * Clocks: real time as an offset to the monotonic clock, and times as user programs see them.
 *
 * Source: clock_gettime(2), timespec(3type).
 */
#pragma once

#include <cadre/err.h>
#include <cadre/time.h>

/** As struct timespec of x86-64. Plain data. */
struct timespec { i64 sec; i64 nsec; };
struct timeval { i64 sec; i64 usec; };

u64 clock_realtime(void);               /**< ns since the Unix epoch */
void clock_realtime_set(u64 now_ns);    /**< steps it; wakes those that wait for real time */
/** A count that grows by one with each step of the real-time clock (TFD_TIMER_CANCEL_ON_SET). */
u32 clock_realtime_steps(void);
/** What is to be added to clock_now() for real time: for those that convert many times. */
u64 clock_realtime_offset(void);
/** The clock_now() of a point of real time as the clock stands now; 0: long past. => TIME_NEVER stays. */
u64 clock_deadline_of_realtime(u64 realtime_ns);
/** Registers a function that is called after each step, by the task that steps the clock: it may sleep. At boot only. */
enum : u32 { CLOCK_STEP_FNS = 8 };
typedef void clock_step_fn(void);
void clock_on_step(clock_step_fn *fn);
/** Seconds that CLOCK_TAI is ahead of real time. */
i32 clock_tai_offset(void);
void clock_set_tai_offset(i32 sec);
void clock_start(void);                  /**< takes the time of day from the machine's clock */

static inline struct timespec timespec_from_ns(u64 ns) { return (struct timespec){ (i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC) }; }
static inline bool timespec_valid(struct timespec t) { return t.sec >= 0 && t.nsec >= 0 && t.nsec < (i64)NS_PER_SEC; }
/** In ns, at most TIME_NEVER - 1. => the time must be valid. */
u64 timespec_to_ns(struct timespec t);
/** now + ns without wrapping; TIME_NEVER stays. */
u64 deadline_after(u64 ns);
