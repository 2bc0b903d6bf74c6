// SPDX-License-Identifier: MPL-2.0
/**
 * Timeouts and signal masks of calls that wait for readiness.
 */
#include "poll_call.h"

#include <signal.h>

u64
timeout_from_ms(i32 ms)
{
	if (ms <= 0)
		return ms == 0 ? 0 : TIME_NEVER;
	return deadline_after((u64)ms * NS_PER_MS);
}

static err_t
timespec_read(enum timeout_kind kind, uaddr_t at, struct timespec *scoped out)
{
	if (kind == TIMEOUT_TIMESPEC)
		return copy_in_value(*out, at);
	struct timeval tv = {};
	TRY(copy_in_value(tv, at));
	/* Linux takes more than a million microseconds here. */
	i64 sec = tv.sec;
	if (__builtin_add_overflow(sec, tv.usec / 1000000, &sec))
		return EINVAL;
	*out = (struct timespec){ sec, tv.usec % 1000000 * (i64)NS_PER_US };
	return OK;
}

err_t
timeout_read(enum timeout_kind kind, uaddr_t at, struct timeout *scoped out)
{
	*out = (struct timeout){ .kind = TIMEOUT_NONE, .deadline = TIME_NEVER };
	if (at.raw == 0)
		return OK;
	struct timespec ts = {};
	TRY(timespec_read(kind, at, &ts));
	if (!timespec_valid(ts))
		return EINVAL;
	out->at = at;
	out->kind = kind;
	if (ts.sec == 0 && ts.nsec == 0)
		out->deadline = 0;
	else
		out->deadline = deadline_after(timespec_to_ns(ts));
	return OK;
}

/** What is left; an immediate timeout is left as it was. */
static err_t
timeout_write(const struct timeout *scoped timeout)
{
	if (timeout->kind == TIMEOUT_NONE || timeout->deadline == 0)
		return OK;
	u64 now = clock_now();
	struct timespec left = timespec_from_ns(timeout->deadline > now ? timeout->deadline - now : 0);
	if (timeout->kind == TIMEOUT_TIMESPEC)
		return copy_out_value(timeout->at, left);
	struct timeval tv = { left.sec, left.nsec / (i64)NS_PER_US };
	return copy_out_value(timeout->at, tv);
}

err_t
call_finish(const struct timeout *scoped timeout, bool masked, err_t err)
{
	if (masked)
		signal_mask_restore(err == ERESTARTNOHAND || err == EINTR);
	if (timeout_write(timeout) != OK && err == ERESTARTNOHAND)
		return EINTR;
	return err;
}
