// SPDX-License-Identifier: MPL-2.0
/**
 * ioprio_get(2) and ioprio_set(2): the priority that a thread's input and output is to have, kept and inherited as Linux does.
 *
 * It lies in an object that threads share after CLONE_IO; a thread that never had one set has none, and follows its nice value. Nothing here
 * queues requests: block devices will ask.
 */
#include "sched_impl.h"

#include <sched_policy.h>
#include <session.h>
#include <syscall_handlers.h>

enum ioprio_class : u32 { IOPRIO_NONE, IOPRIO_REALTIME, IOPRIO_BEST_EFFORT, IOPRIO_IDLE };
/** Of 16 bits: the class in three, hints for devices in ten, the level in three. */
enum : u32 { IOPRIO_CLASS_SHIFT = 13, IOPRIO_CLASS_MASK = 7, IOPRIO_LEVEL_MASK = 7, IOPRIO_BITS = 0xffff };
enum ioprio_which : i32 { IOPRIO_WHO_PROCESS = 1, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER };

struct io_context {
	struct atomic32 priority;
};
OBJECT_DECLARE(io_context);
OBJECT_DEFINE(io_context);

static u32
class_of(u32 priority)
{
	return priority >> IOPRIO_CLASS_SHIFT & IOPRIO_CLASS_MASK;
}

/** null: none yet. It stays once it is there. */
static struct io_context *
context_of(struct thread *thread)
{
	struct object *object = POINTER_LOAD(*ELEM(thread->extra, THREAD_EXTRA_IO));
	return object != nullptr ? io_context_from(object) : nullptr;
}

/** As it was set; IOPRIO_NONE: it was not. */
static u32
priority_set(struct thread *thread)
{
	struct io_context *context = context_of(thread);
	return context != nullptr ? atomic32_load_relaxed(&context->priority) : 0;
}

/** What it comes to: what was not set follows class and nice value. */
static u32
priority_effective(struct thread *thread)
{
	u32 set = priority_set(thread);
	if (class_of(set) != IOPRIO_NONE)
		return set;
	struct sched_params params = sched_params_get(thread->sched);
	u32 class = params.class == SCHED_IDLE ? IOPRIO_IDLE :
	            params.class == SCHED_FIFO || params.class == SCHED_RR ? IOPRIO_REALTIME : IOPRIO_BEST_EFFORT;
	return class << IOPRIO_CLASS_SHIFT | (u32)(params.nice - NICE_MIN) / 5;
}

/** => ENOMEM */
static err_t
priority_store(struct thread *thread, u32 priority)
{
	REF_SCOPE(io_context, fresh);
	if (context_of(thread) == nullptr) {
		fresh = io_context_alloc();
		if (fresh == nullptr)
			return ENOMEM;
	}
	SPIN_SCOPE(&thread->lock);
	if (context_of(thread) == nullptr) {
		io_context_get(fresh);
		POINTER_PUBLISH(*ELEM(thread->extra, THREAD_EXTRA_IO), io_context_object(fresh));
	}
	atomic32_store_relaxed(&context_of(thread)->priority, priority);
	return OK;
}

/** Whether the running thread may set it. */
static bool
is_permitted(struct thread *thread)
{
	const struct cred *own = cred_current();
	RCU_SCOPE();
	const struct cred *other = POINTER_LOAD(thread->cred);
	return (other != nullptr && (other->uid == own->euid || other->uid == own->uid)) || capable(CAP_SYS_NICE);
}

/* --- the life of threads --- */

err_t
ioprio_fork(struct thread *thread, struct thread *parent, u64 clone_flags)
{
	struct io_context *context = context_of(parent);
	if (context == nullptr)
		return OK;
	if ((clone_flags & SCHED_CLONE_IO) != 0) {
		io_context_get(context);
		*ELEM(thread->extra, THREAD_EXTRA_IO) = io_context_object(context);
		return OK;
	}
	u32 priority = atomic32_load_relaxed(&context->priority);
	return class_of(priority) != IOPRIO_NONE ? priority_store(thread, priority) : OK;
}

void
ioprio_free(struct thread *thread)
{
	struct io_context *context = context_of(thread);
	if (context != nullptr)
		io_context_put(context);
}

/* --- system calls --- */

/** One pass over the threads that a call names. */
struct ioprio_pass {
	bool set;
	bool raw;           /* what was set counts, not what it comes to */
	u32 priority;       /* to set; or the best (least) found */
	bool found;
};

static err_t
pass_visit(struct ioprio_pass *scoped pass, struct thread *thread)
{
	u32 now = pass->raw ? priority_set(thread) : priority_effective(thread);
	if (!pass->set)
		pass->priority = pass->found ? MIN(pass->priority, now) : now;
	pass->found = true;
	if (!pass->set)
		return OK;
	return is_permitted(thread) ? priority_store(thread, pass->priority) : EPERM;
}

/** The thread with the least id above `*tid`, with a reference; null: none. */
static struct thread *
thread_after(struct process *process, u32 *scoped tid)
{
	struct thread *next = nullptr;
	SPIN_SCOPE(&process->lock);
	LIST_FOR(thread_list, thread, &process->threads) {
		u32 id = atomic32_load_relaxed(&thread->tid);
		if (id > *tid && (next == nullptr || id < atomic32_load_relaxed(&next->tid)))
			next = thread;
	}
	if (next != nullptr) {
		thread_get(next);
		*tid = atomic32_load_relaxed(&next->tid);
	}
	return next;
}

static err_t
pass_process(struct ioprio_pass *scoped pass, struct process *process)
{
	for (u32 tid = 0;;) {
		REF_SCOPE(thread, thread);
		thread = thread_after(process, &tid);
		if (thread == nullptr)
			return OK;
		TRY(pass_visit(pass, thread));
	}
}

static err_t
pass_many(struct ioprio_pass *scoped pass, bool group, u32 who)
{
	for (u32 pid = 1;; pid++) {
		REF_SCOPE(process, process);
		process = process_next(&pid);
		if (process == nullptr)
			return pass->found ? OK : ESRCH;
		if (sched_process_matches(process, group, who))
			TRY(pass_process(pass, process));
	}
}

/** => EINVAL, ESRCH, EPERM, ENOMEM */
static err_t
pass_run(struct ioprio_pass *scoped pass, i32 which, i32 who)
{
	if (which == IOPRIO_WHO_USER)
		return pass_many(pass, false, (u32)who);
	if (which == IOPRIO_WHO_PGRP) {
		REF_SCOPE(process_group, own);
		own = process_group_of(process_current());
		return pass_many(pass, true, who == 0 && own != nullptr ? own->id : (u32)who);
	}
	if (which != IOPRIO_WHO_PROCESS)
		return EINVAL;
	REF_SCOPE(thread, thread);
	TRY(who < 0 ? ESRCH : sched_find(who, &thread));
	return pass_visit(pass, thread);
}

/** => EPERM, EINVAL */
static err_t
priority_check(u32 priority)
{
	u32 class = class_of(priority), level = priority & IOPRIO_LEVEL_MASK;
	if (class == IOPRIO_REALTIME && !capable(CAP_SYS_NICE) && !capable(CAP_SYS_ADMIN))
		return EPERM;
	return class > IOPRIO_IDLE || (class == IOPRIO_NONE && level != 0) ? EINVAL : OK;
}

err_t
sys_ioprio_set(i32 which, i32 who, i32 prio)
{
	struct ioprio_pass pass = { .set = true, .priority = (u32)prio & IOPRIO_BITS };
	TRY(priority_check((u32)prio));
	return pass_run(&pass, which, who);
}

err_t
sys_ioprio_get(i32 which, i32 who, u64 *scoped result)
{
	struct ioprio_pass pass = { .raw = which == IOPRIO_WHO_PROCESS };
	TRY(pass_run(&pass, which, who));
	*result = pass.priority;
	return OK;
}
