// SPDX-License-Identifier: MPL-2.0
/**
 * What poll(2), select(2) and epoll_wait(2) have in common: timeouts and signal masks of the call.
 */
#pragma once

#include <clock.h>
#include <uio.h>

/** How a call gave its timeout, for what is left to be written back there. */
enum timeout_kind : u32 { TIMEOUT_NONE, TIMEOUT_TIMESPEC, TIMEOUT_TIMEVAL };
struct timeout {
	enum timeout_kind kind;
	uaddr_t at;
	u64 deadline;       /* TIME_NEVER: for ever; 0: only look */
};

/** In milliseconds; negative: for ever. */
u64 timeout_from_ms(i32 ms);
/** Reads one from user memory; `at` 0: for ever. => EFAULT, EINVAL */
err_t timeout_read(enum timeout_kind kind, uaddr_t at, struct timeout *scoped out);
/**
 * Ends a call: the temporary mask goes or stays for delivery, and what is left of the time is written back.
 * => `err`; EINTR for ERESTARTNOHAND where the time cannot be written, since a restart would begin anew
 */
err_t call_finish(const struct timeout *scoped timeout, bool masked, err_t err);
