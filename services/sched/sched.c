// SPDX-License-Identifier: MPL-2.0
/**
 * sched_*(2), getpriority(2) and setpriority(2) for threads: checks of rights and values; the policy does the rest.
 */
#include "sched_impl.h"

#include <cadre/cpu.h>

#include <clock.h>
#include <sched_policy.h>
#include <session.h>
#include <syscall_handlers.h>
#include <uio.h>

enum : u32 {
	SCHED_DEADLINE = 6, SCHED_RESET_ON_FORK = 0x40000000,
	SCHED_FLAG_RESET_ON_FORK = 1, SCHED_FLAG_KEEP_POLICY = 8, SCHED_FLAG_KEEP_PARAMS = 16,
	SCHED_FLAGS = SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS,
	SCHED_ATTR_SIZE_VER0 = 48,
};

/** struct sched_attr of <linux/sched/types.h>. Plain data. */
struct sched_attr {
	u32 size, policy;
	u64 flags;
	i32 nice;
	u32 priority;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};
static_assert(sizeof(struct sched_attr) == 56);

/** What a call asks for, checked. */
struct sched_request {
	struct sched_params params;
	bool reset_on_fork;
};

static bool
class_is_realtime(u32 class)
{
	return class == SCHED_FIFO || class == SCHED_RR;
}

static bool
class_is_known(u32 class)
{
	return class == SCHED_OTHER || class == SCHED_BATCH || class == SCHED_IDLE || class_is_realtime(class);
}

err_t
sched_find(i32 pid, struct thread **scoped out)
{
	if (pid < 0)
		return EINVAL;
	struct thread *thread = pid == 0 ? thread_current() : thread_find((u32)pid);
	if (thread == nullptr)
		return ESRCH;
	if (pid == 0)
		thread_get(thread);
	*out = thread;
	return OK;
}

/** Whether the running thread may change this one: it is its owner's, or CAP_SYS_NICE. */
static err_t
sched_may_change(struct thread *thread)
{
	const struct cred *own = cred_current();
	RCU_SCOPE();
	const struct cred *other = POINTER_LOAD(thread->cred);
	bool owner = other != nullptr && (own->euid == other->euid || own->euid == other->uid);
	return owner || capable(CAP_SYS_NICE) ? OK : EPERM;
}

static u64
limit_of(struct thread *thread, enum rlimit_kind kind)
{
	return atomic64_load_relaxed(&ELEM(thread->process->limits, kind)->soft);
}

/** RLIMIT_NICE counts from 1 (nice 19) to 40 (nice -20). */
static bool
nice_allowed(struct thread *thread, i32 nice)
{
	return capable(CAP_SYS_NICE) || (u64)(20 - nice) <= limit_of(thread, RLIMIT_NICE);
}

static err_t
request_values(const struct sched_request *scoped request)
{
	const struct sched_params *scoped params = &request->params;
	if (!class_is_known(params->class))
		return EINVAL;
	bool realtime = class_is_realtime(params->class);
	return realtime == (params->priority != 0) && params->priority <= RT_PRIORITY_MAX ? OK : EINVAL;
}

/** The rules of sched(7), "Privileges and resource limits", for who lacks CAP_SYS_NICE. */
static err_t
request_rights(struct thread *thread, const struct sched_request *scoped request)
{
	struct sched_params now = sched_params_get(thread->sched);
	const struct sched_params *scoped to = &request->params;
	TRY(sched_may_change(thread));
	if (capable(CAP_SYS_NICE))
		return OK;
	u64 limit = limit_of(thread, RLIMIT_RTPRIO);
	if (class_is_realtime(to->class) && ((to->class != now.class && limit == 0) || (to->priority > now.priority && to->priority > limit)))
		return EPERM;
	if (!class_is_realtime(to->class) && to->nice < now.nice && !nice_allowed(thread, to->nice))
		return EPERM;
	if (now.class == SCHED_IDLE && to->class != SCHED_IDLE && !nice_allowed(thread, now.nice))
		return EPERM;
	bool was_reset = atomic32_load_relaxed(&thread->sched_reset) != 0;
	return was_reset && !request->reset_on_fork ? EPERM : OK;
}

static err_t
sched_apply(i32 pid, const struct sched_request *scoped request)
{
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	TRY(request_values(request));
	TRY(request_rights(thread, request));
	atomic32_store_relaxed(&thread->sched_reset, request->reset_on_fork ? 1 : 0);
	sched_params_set(thread->sched, &request->params);
	thread_watch_priority(thread);
	return OK;
}

/** A new thread, not yet started, has its parent's scheduling, but for SCHED_RESET_ON_FORK. */
static err_t
sched_fork(struct thread *thread, struct thread *parent, u64 clone_flags)
{
	thread->sched = sched_entity_of(thread->task);
	if (parent == nullptr)
		return OK;
	struct sched_params params = sched_params_get(parent->sched);
	if (atomic32_load_relaxed(&parent->sched_reset) != 0) {
		params.nice = MAX(params.nice, 0);
		if (class_is_realtime(params.class))
			params = (struct sched_params){ .class = SCHED_OTHER };
	}
	sched_params_set(thread->sched, &params);
	sched_affinity_set(thread->sched, sched_affinity_get(parent->sched));
	return ioprio_fork(thread, parent, clone_flags);
}

static const struct thread_watch sched_watch = { .fork = sched_fork, .thread_free = ioprio_free };

void
sched_init(void)
{
	thread_watch_register(&sched_watch);
}

/* --- class and priority ---------------------------------------------------------------------------------------- */

/** sched_setscheduler's arguments; the nice value stays what it is. */
static err_t
request_from_policy(i32 pid, u32 policy, u32 priority, struct sched_request *scoped request)
{
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	request->reset_on_fork = (policy & SCHED_RESET_ON_FORK) != 0;
	request->params.class = (enum sched_class)(policy & ~(u32)SCHED_RESET_ON_FORK);
	request->params.nice = sched_params_get(thread->sched).nice;
	request->params.priority = priority;
	return OK;
}

err_t
sys_sched_setscheduler(i32 pid, i32 policy, uaddr_t param)
{
	i32 priority = 0;
	if (param.raw == 0 || pid < 0 || policy < 0)
		return EINVAL;
	TRY(copy_in_value(priority, param));
	struct sched_request request = {};
	TRY(request_from_policy(pid, (u32)policy, (u32)priority, &request));
	return sched_apply(pid, &request);
}

err_t
sys_sched_setparam(i32 pid, uaddr_t param)
{
	i32 priority = 0;
	if (param.raw == 0 || pid < 0)
		return EINVAL;
	TRY(copy_in_value(priority, param));
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	struct sched_request request = { .params = sched_params_get(thread->sched) };
	request.params.priority = (u32)priority;
	request.reset_on_fork = atomic32_load_relaxed(&thread->sched_reset) != 0;
	return sched_apply(pid, &request);
}

err_t
sys_sched_getscheduler(i32 pid, u64 *scoped result)
{
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	*result = sched_params_get(thread->sched).class | (atomic32_load_relaxed(&thread->sched_reset) != 0 ? SCHED_RESET_ON_FORK : 0);
	return OK;
}

err_t
sys_sched_getparam(i32 pid, uaddr_t param)
{
	REF_SCOPE(thread, thread);
	if (param.raw == 0)
		return EINVAL;
	TRY(sched_find(pid, &thread));
	u32 priority = sched_params_get(thread->sched).priority;
	return copy_out_value(param, priority);
}

err_t
sys_sched_get_priority_max(i32 policy, u64 *scoped result)
{
	if (policy < 0 || (!class_is_known((u32)policy) && policy != SCHED_DEADLINE))
		return EINVAL;
	*result = class_is_realtime((u32)policy) ? RT_PRIORITY_MAX : 0;
	return OK;
}

err_t
sys_sched_get_priority_min(i32 policy, u64 *scoped result)
{
	if (policy < 0 || (!class_is_known((u32)policy) && policy != SCHED_DEADLINE))
		return EINVAL;
	*result = class_is_realtime((u32)policy) ? 1 : 0;
	return OK;
}

err_t
sys_sched_rr_get_interval(i32 pid, uaddr_t interval)
{
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	enum sched_class class = sched_params_get(thread->sched).class;
	struct timespec slice = timespec_from_ns(class == SCHED_RR ? SCHED_RR_SLICE : class == SCHED_FIFO ? 0 : sched_slice_ns());
	return copy_out_value(interval, slice);
}

/** Reads a struct sched_attr of any size its caller knows. => E2BIG where it has set what we do not know; the size we know is told then. */
static err_t
attr_copy_in(uaddr_t from, struct sched_attr *scoped attr)
{
	u32 size = 0;
	TRY(copy_in_value(size, from));
	if (size == 0)
		size = SCHED_ATTR_SIZE_VER0;
	bool known = size >= SCHED_ATTR_SIZE_VER0 && size <= PAGE_SIZE;
	for (u32 at = sizeof(struct sched_attr); known && at < size; at++) {
		u8 byte = 0;
		TRY(copy_in_value(byte, UADDR(from.raw + at)));
		known = byte == 0;
	}
	if (!known) {
		u32 ours = sizeof(struct sched_attr);
		TRY(copy_out_value(from, ours));
		return E2BIG;
	}
	TRY(copy_in(bytes_sub(BYTES_OF(*attr), 0, MIN((size_t)size, sizeof(*attr))), from));
	attr->nice = MAX(NICE_MIN, MIN(attr->nice, NICE_MAX));
	return OK;
}

err_t
sys_sched_setattr(i32 pid, uaddr_t at, u32 flags)
{
	struct sched_attr attr = {};
	if (at.raw == 0 || pid < 0 || flags != 0)
		return EINVAL;
	TRY(attr_copy_in(at, &attr));
	if ((i32)attr.policy < 0 || (attr.flags & ~(u64)SCHED_FLAGS) != 0)
		return EINVAL;
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	struct sched_params now = sched_params_get(thread->sched);
	struct sched_request request = { .reset_on_fork = (attr.flags & SCHED_FLAG_RESET_ON_FORK) != 0 };
	request.params = (struct sched_params){ (enum sched_class)attr.policy, attr.nice, attr.priority };
	if ((attr.flags & SCHED_FLAG_KEEP_POLICY) != 0)
		request.params.class = now.class;
	if ((attr.flags & SCHED_FLAG_KEEP_PARAMS) != 0) {
		request.params.nice = now.nice;
		request.params.priority = now.priority;
	}
	if (class_is_realtime(request.params.class))
		request.params.nice = now.nice;
	return sched_apply(pid, &request);
}

err_t
sys_sched_getattr(i32 pid, uaddr_t at, u32 size, u32 flags)
{
	if (at.raw == 0 || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags != 0)
		return EINVAL;
	REF_SCOPE(thread, thread);
	TRY(sched_find(pid, &thread));
	struct sched_params now = sched_params_get(thread->sched);
	struct sched_attr attr = { .size = MIN(size, (u32)sizeof(attr)), .policy = now.class, .priority = now.priority };
	attr.flags = atomic32_load_relaxed(&thread->sched_reset) != 0 ? SCHED_FLAG_RESET_ON_FORK : 0;
	attr.nice = class_is_realtime(now.class) ? 0 : now.nice;
	attr.util_max = size >= sizeof(attr) ? 1024 : 0;
	return copy_out(at, cbytes_sub(CBYTES_OF(attr), 0, attr.size));
}

err_t
sys_sched_yield(void)
{
	task_yield();
	return OK;
}

/* --- affinity ---------------------------------------------------------------------------------------------------- */

static u64
cpus_present(void)
{
	return cpu_count() >= CPU_MAX ? ~(u64)0 : ((u64)1 << cpu_count()) - 1;
}

err_t
sys_sched_setaffinity(i32 pid, u32 len, uaddr_t mask)
{
	u64 bits = 0;
	TRY(copy_in(bytes_sub(BYTES_OF(bits), 0, MIN((size_t)len, sizeof(bits))), mask));
	REF_SCOPE(thread, thread);
	TRY(pid < 0 ? ESRCH : sched_find(pid, &thread));
	TRY(sched_may_change(thread));
	if ((bits & cpus_present()) == 0)
		return EINVAL;
	sched_affinity_set(thread->sched, (struct cpu_set){ bits & cpus_present() });
	if (thread == thread_current())
		task_yield();
	return OK;
}

err_t
sys_sched_getaffinity(i32 pid, u32 len, uaddr_t mask, u64 *scoped result)
{
	if (len * 8 < cpu_count() || len % sizeof(u64) != 0)
		return EINVAL;
	REF_SCOPE(thread, thread);
	TRY(pid < 0 ? ESRCH : sched_find(pid, &thread));
	u64 bits = sched_affinity_get(thread->sched).bits & cpus_present();
	*result = sizeof(bits);
	return copy_out_value(mask, bits);
}

/* --- nice -------------------------------------------------------------------------------------------------------- */

enum prio_which : u32 { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

/** One pass over the threads that getpriority or setpriority names. */
struct nice_pass {
	bool set;
	i32 nice;           /* to set; or the best (least) found */
	bool found;
	err_t err;          /* the last refusal */
};

static void
nice_visit(struct nice_pass *scoped pass, struct thread *thread)
{
	struct sched_params params = sched_params_get(thread->sched);
	if (!pass->set) {
		pass->nice = pass->found ? MIN(pass->nice, params.nice) : params.nice;
		pass->found = true;
		return;
	}
	pass->found = true;
	err_t err = sched_may_change(thread);
	if (err == OK && pass->nice < params.nice && !nice_allowed(thread, pass->nice))
		err = EACCES;
	if (err != OK) {
		pass->err = err;
		return;
	}
	params.nice = pass->nice;
	sched_params_set(thread->sched, &params);
}

/** Each thread of a process. Threads that come meanwhile inherit. */
static void
nice_visit_process(struct nice_pass *scoped pass, struct process *process)
{
	SPIN_SCOPE(&process->lock);
	LIST_FOR (thread_list, thread, &process->threads)
		nice_visit(pass, thread);
}

bool
sched_process_matches(struct process *process, bool in_group, u32 who)
{
	if (in_group) {
		REF_SCOPE(process_group, group);
		group = process_group_of(process);
		return group != nullptr && group->id == who;
	}
	SPIN_SCOPE(&process->lock);
	RCU_SCOPE();
	const struct cred *cred = process->leader != nullptr ? POINTER_LOAD(process->leader->cred) : nullptr;
	return cred != nullptr && cred->uid == who;
}

static void
nice_visit_many(struct nice_pass *scoped pass, u32 which, u32 who)
{
	struct process *process = nullptr;
	for (u32 pid = 1; (process = process_next(&pid)) != nullptr; pid++) {
		if (sched_process_matches(process, which == PRIO_PGRP, who))
			nice_visit_process(pass, process);
		process_put(process);
	}
}

static err_t
nice_pass_run(i32 which, i32 who, struct nice_pass *scoped pass)
{
	if (which < 0 || which > (i32)PRIO_USER)
		return EINVAL;
	if (which == PRIO_PROCESS) {
		REF_SCOPE(thread, thread);
		TRY(who < 0 ? ESRCH : sched_find(who, &thread));
		nice_visit(pass, thread);
	} else if (which == PRIO_PGRP) {
		REF_SCOPE(process_group, own);
		own = process_group_of(process_current());
		nice_visit_many(pass, PRIO_PGRP, who == 0 && own != nullptr ? own->id : (u32)who);
	} else {
		nice_visit_many(pass, PRIO_USER, who == 0 ? cred_current()->uid : (u32)who);
	}
	return pass->found ? pass->err : ESRCH;
}

err_t
sys_getpriority(i32 which, i32 who, u64 *scoped result)
{
	struct nice_pass pass = {};
	TRY(nice_pass_run(which, who, &pass));
	*result = (u64)(20 - pass.nice);
	return OK;
}

err_t
sys_setpriority(i32 which, i32 who, i32 nice)
{
	struct nice_pass pass = { .set = true, .nice = MAX(NICE_MIN, MIN(nice, NICE_MAX)) };
	return nice_pass_run(which, who, &pass);
}
