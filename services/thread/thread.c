// SPDX-License-Identifier: MPL-2.0
/**
 * Threads and processes as objects: who is running, and what goes when the last reference does.
 */
#include "pid.h"
#include <cadre/irq.h>

#include <sched_policy.h>

enum : u32 { WATCHES_MAX = 16 };
static struct { const struct thread_watch *watch; } watches[WATCHES_MAX];   /* [const] after boot */
static u32 watch_count;

/** What other services own is put by them, in thread_watch.exit and .thread_free. */
static void
thread_release(struct thread *thread)
{
	for (u32 i = watch_count; i > 0; i--) {
		const struct thread_watch *watch = ELEM(watches, i - 1)->watch;
		if (watch->thread_free != nullptr)
			watch->thread_free(thread);
	}
	if (thread->cred != nullptr)
		cred_put(thread->cred);
	if (thread->user != nullptr)
		user_context_put(thread->user);
	if (thread->sched != nullptr)
		sched_entity_put(thread->sched);
	if (thread->task != nullptr)
		task_put(thread->task);
	if (thread->process != nullptr)
		process_put(thread->process);
}
OBJECT_DEFINE_RELEASE(thread);

OBJECT_DEFINE(process_children);

struct thread *
thread_current(void)
{
	return thread_of_current_task();
}

struct thread *
thread_current_or_null(void)
{
	if (irq_context())
		return nullptr;
	struct object *owner = task_owner(task_current());
	return owner != nullptr ? thread_of_current_task() : nullptr;
}

struct vm_map *
map_current(void) NO_THREAD_SAFETY("the thread's own: nobody else changes it")
{
	return thread_current()->map;
}

struct fd_table *
files_current(void) NO_THREAD_SAFETY("the thread's own: nobody else changes it")
{
	return thread_current()->files;
}

struct fs_context *
fs_current(void) NO_THREAD_SAFETY("the thread's own: nobody else changes it")
{
	return thread_current()->fs;
}

u64
rlimit_current(enum rlimit_kind kind)
{
	struct thread *thread = thread_current_or_null();
	return thread != nullptr ? atomic64_load_relaxed(&ELEM(thread->process->limits, kind)->soft) : RLIM_INFINITY;
}

void
thread_kick(struct thread *thread, u32 work)
{
	(void)atomic32_or(&thread->work, work);
	task_interrupt(thread->task);
}

/* --- names --- */

void
thread_name_set(struct thread *thread, struct cbytes name)
{
	u64 words[2] = {};
	bytes_copy(BYTES_OF(words), cbytes_sub(name, 0, MIN(cbytes_len(name), (size_t)THREAD_NAME_SIZE - 1)));
	atomic64_store_relaxed(&thread->name[0], words[0]);
	atomic64_store_relaxed(&thread->name[1], words[1]);
}

void
thread_name_get(const struct thread *thread, struct bytes name)
{
	u64 words[2] = { atomic64_load_relaxed(&thread->name[0]), atomic64_load_relaxed(&thread->name[1]) };
	bytes_copy(name, CBYTES_OF(words));
}

void
thread_name_copy(struct thread *thread, const struct thread *from)
{
	atomic64_store_relaxed(&thread->name[0], atomic64_load_relaxed(&from->name[0]));
	atomic64_store_relaxed(&thread->name[1], atomic64_load_relaxed(&from->name[1]));
}

/* --- what services above do at turns of a thread's life --- */

void
thread_watch_register(const struct thread_watch *watch)
{
	assert(watch_count < WATCHES_MAX);
	watches[watch_count].watch = watch;
	watch_count += 1;
}

err_t
thread_watch_fork(struct thread *thread, struct thread *parent, u64 clone_flags)
{
	for (u32 i = 0; i < watch_count; i++) {
		const struct thread_watch *watch = ELEM(watches, i)->watch;
		if (watch->fork != nullptr)
			TRY(watch->fork(thread, parent, clone_flags));
	}
	return OK;
}

void
thread_watch_exec(struct thread *thread)
{
	for (u32 i = 0; i < watch_count; i++) {
		const struct thread_watch *watch = ELEM(watches, i)->watch;
		if (watch->exec != nullptr)
			watch->exec(thread);
	}
}

void
thread_watch_exit(struct thread *thread)
{
	for (u32 i = watch_count; i > 0; i--) {
		const struct thread_watch *watch = ELEM(watches, i - 1)->watch;
		if (watch->exit != nullptr)
			watch->exit(thread);
	}
}

void
thread_watch_priority(struct thread *thread)
{
	for (u32 i = 0; i < watch_count; i++) {
		const struct thread_watch *watch = ELEM(watches, i)->watch;
		if (watch->priority != nullptr)
			watch->priority(thread);
	}
}

void
thread_watch_process_exit(struct process *process)
{
	for (u32 i = watch_count; i > 0; i--) {
		const struct thread_watch *watch = ELEM(watches, i - 1)->watch;
		if (watch->process_exit != nullptr)
			watch->process_exit(process);
	}
}

static void
process_release(struct process *process)
{
	for (u32 i = watch_count; i > 0; i--) {
		const struct thread_watch *watch = ELEM(watches, i - 1)->watch;
		if (watch->process_free != nullptr)
			watch->process_free(process);
	}
	if (process->children != nullptr)
		process_children_put(process->children);
}
OBJECT_DEFINE_RELEASE(process);
