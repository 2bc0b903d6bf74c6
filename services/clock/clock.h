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

static inline struct timespec timespec_from_ns(u64 ns) { return (struct timespec){ (i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC) }; }
static inline bool timespec_valid(struct timespec t) { return t.sec >= 0 && t.nsec >= 0 && t.nsec < (i64)NS_PER_SEC; }
/** In ns, at most TIME_NEVER - 1. => the time must be valid. */
u64 timespec_to_ns(struct timespec t);
/** now + ns without wrapping; TIME_NEVER stays. */
u64 deadline_after(u64 ns);
