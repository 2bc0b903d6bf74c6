// SPDX-License-Identifier: MPL-2.0
/**
 * Resource limits: getrlimit, setrlimit, prlimit64.
 *
 * Source: getrlimit(2).
 */
#include "process_impl.h"

#include <time_calls.h>

struct rlimit_user { u64 soft, hard; };

enum : u64 { NOFILE_MAX = 1 << 20 };

/** prlimit(2) on another process: same user in all ids, or CAP_SYS_RESOURCE. */
static err_t
limit_may_touch(struct thread *thread)
{
	const struct cred *self = cred_current();
	REF_SCOPE(cred, other);
	if (thread->process == process_current())
		return OK;
	other = thread_cred_get(thread);
	bool same = self->uid == other->uid && self->uid == other->euid && self->uid == other->suid && self->gid == other->gid &&
		self->gid == other->egid && self->gid == other->sgid;
	return same || capable(CAP_SYS_RESOURCE) ? OK : EPERM;
}

static struct rlimit_user
limit_read(struct process *process, u32 kind)
{
	struct rlimit *limit = ELEM(process->limits, kind);
	return (struct rlimit_user){ atomic64_load_relaxed(&limit->soft), atomic64_load_relaxed(&limit->hard) };
}

static err_t
limit_write(struct process *process, u32 kind, const struct rlimit_user *scoped fresh)
{
	struct rlimit *limit = ELEM(process->limits, kind);
	if (fresh->soft > fresh->hard)
		return EINVAL;
	if (kind == RLIMIT_NOFILE && fresh->hard > NOFILE_MAX)
		return EPERM;
	{
		SPIN_SCOPE(&process->lock);
		if (fresh->hard > atomic64_load_relaxed(&limit->hard) && !capable(CAP_SYS_RESOURCE))
			return EPERM;
		atomic64_store_relaxed(&limit->soft, fresh->soft);
		atomic64_store_relaxed(&limit->hard, fresh->hard);
	}
	if (kind == RLIMIT_CPU)
		time_cpu_limit_changed(process);
	return OK;
}

err_t
sys_prlimit64(i32 pid, u32 resource, uaddr_t new, uaddr_t old)
{
	struct rlimit_user fresh = {}, before = {};
	REF_SCOPE(thread, thread);
	if (resource >= RLIMIT_COUNT)
		return EINVAL;
	if (new.raw != 0)
		TRY(copy_in_value(fresh, new));
	thread = pid >= 0 ? thread_find(pid != 0 ? (u32)pid : process_current()->pid) : nullptr;
	if (thread == nullptr)
		return ESRCH;
	TRY(limit_may_touch(thread));
	before = limit_read(thread->process, resource);
	if (new.raw != 0)
		TRY(limit_write(thread->process, resource, &fresh));
	return old.raw != 0 ? copy_out_value(old, before) : OK;
}

err_t
sys_getrlimit(u32 resource, uaddr_t at)
{
	if (resource >= RLIMIT_COUNT)
		return EINVAL;
	struct rlimit_user limit = limit_read(process_current(), resource);
	return copy_out_value(at, limit);
}

err_t
sys_setrlimit(u32 resource, uaddr_t at)
{
	struct rlimit_user fresh = {};
	TRY(copy_in_value(fresh, at));
	return resource < RLIMIT_COUNT ? limit_write(process_current(), resource, &fresh) : EINVAL;
}
