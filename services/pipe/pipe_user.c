// SPDX-License-Identifier: MPL-2.0
/**
 * What each user's pipes may hold together: the limits of /proc/sys/fs/pipe-* (pipe(7)).
 */
#include "pipe.h"

#include <thread.h>

static struct atomic64 limits[PIPE_LIMIT_COUNT];
static const u64 limits_default[PIPE_LIMIT_COUNT] = { 1 << 20, 16384, 0 };

u64
pipe_limit(enum pipe_limit limit)
{
	return atomic64_load_relaxed(ELEM(limits, (u32)limit));
}

err_t
pipe_limit_set(enum pipe_limit limit, u64 value)
{
	if (limit == PIPE_LIMIT_SIZE) {
		if (value == 0 || value > (u64)1 << 31)
			return EINVAL;
		u64 size = PAGE_SIZE;
		while (size < value)
			size <<= 1;
		value = size;
	}
	atomic64_store(ELEM(limits, (u32)limit), value);
	return OK;
}

void
pipe_limits_init(void)
{
	for (u32 i = 0; i < PIPE_LIMIT_COUNT; i++)
		atomic64_store(ELEM(limits, i), limits_default[i]);
}

static bool
user_privileged(void)
{
	return thread_current_or_null() == nullptr || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN);
}

bool
pipe_user_charge(struct user_account *user, u32 old, u32 now, bool hard_only)
{
	u64 slots = user_count_add(&user->pipe_slots, (u64)now - old);
	u64 soft = hard_only ? 0 : pipe_limit(PIPE_LIMIT_USER_SOFT), hard = pipe_limit(PIPE_LIMIT_USER_HARD);
	if (now <= old || ((soft == 0 || slots <= soft) && (hard == 0 || slots <= hard)) || user_privileged())
		return true;
	(void)user_count_add(&user->pipe_slots, (u64)old - now);
	return false;
}
