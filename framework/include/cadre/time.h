// SPDX-License-Identifier: MPL-2.0
/**
 * The clock and timers. Time is in nanoseconds since the machine was started (monotonic, the same on every CPU).
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

u64 clock_now(void);            /**< monotonic; never goes back, on any CPU; any context */
u64 clock_boot_realtime(void);  /**< real time (Unix epoch, ns) at clock_now() == 0, from the RTC; 0 if there is none */

/** How a program can read the clock itself: clock_now() is (counter - base) * ns_per_tick >> 32, on x86-64 by `lfence; rdtsc`. */
struct clock_counter { u64 base, ns_per_tick; };
/** => false: it cannot, since the CPUs' counters differ. Settled when services start. */
bool clock_user_counter(struct clock_counter *scoped out);

struct timer;
/** Runs in interrupt context at or after the deadline: short, no sleeping. It may set its own timer again. */
typedef void timer_fn(struct object *arg);

/** A timer, not set; one reference is the caller's. `arg` is not counted. => ENOMEM */
err_t timer_create(timer_fn *fn, struct object *arg, struct timer **scoped out);
/** Sets it (again) to fire once at `deadline_ns`, with the hardware's resolution. Any context. TIME_NEVER: as timer_cancel. */
void timer_set(struct timer *timer, u64 deadline_ns);
/** Takes it back. => true where it had been set and has not begun to run. Any context. */
bool timer_cancel(struct timer *timer);
/** As timer_cancel, and waits until its function runs nowhere. => traps in interrupt context. */
bool timer_cancel_sync(struct timer *timer);
void timer_get(struct timer *timer);
/** Last reference: cancelled; the function may still be running on another CPU. => traps where no service reference is left. */
void timer_put(struct timer *timer);
