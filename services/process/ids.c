// SPDX-License-Identifier: MPL-2.0
/**
 * Ids, process groups and sessions: getpid, setpgid, setsid and their like.
 *
 * Source: credentials(7), setpgid(2), setsid(2).
 */
#include "process_impl.h"

err_t
sys_getpid(u64 *scoped result)
{
	*result = process_current()->pid;
	return OK;
}

err_t
sys_gettid(u64 *scoped result)
{
	*result = atomic32_load_relaxed(&thread_current()->tid);
	return OK;
}

err_t
sys_getppid(u64 *scoped result)
{
	*result = process_parent_id(process_current());
	return OK;
}

/** The process with this pid (or of the thread with this id), 0: the running one; with a reference. => null: ESRCH */
static struct process *
process_of_id(i32 pid)
{
	REF_SCOPE(thread, thread);
	thread = pid >= 0 ? thread_find(pid != 0 ? (u32)pid : process_current()->pid) : nullptr;
	if (thread == nullptr)
		return nullptr;
	process_get(thread->process);
	return thread->process;
}

err_t
sys_getpgid(i32 pid, u64 *scoped result)
{
	REF_SCOPE(process, process);
	process = process_of_id(pid);
	*result = process != nullptr ? process_group_id(process) : 0;
	return *result != 0 ? OK : ESRCH;
}

err_t
sys_getpgrp(u64 *scoped result)
{
	*result = process_group_id(process_current());
	return OK;
}

err_t
sys_getsid(i32 pid, u64 *scoped result)
{
	REF_SCOPE(process, process);
	process = process_of_id(pid);
	*result = process != nullptr ? session_id(process) : 0;
	return *result != 0 ? OK : ESRCH;
}

/** Whether the running process may move `target` at all. */
static err_t
setpgid_check(struct process *self, struct process *target) MUST_HOLD(&pid_lock)
{
	struct process_group *group = target->group;
	if (target == self)
		return group->session->id == self->pid ? EPERM : OK;
	if (target->parent != self || group == nullptr)
		return ESRCH;
	if (group->session != self->group->session)
		return EPERM;
	if (target->did_exec)
		return EACCES;
	return group->session->id == target->pid ? EPERM : OK;
}

err_t
sys_setpgid(i32 pid, i32 pgid)
{
	struct process *self = process_current();
	REF_SCOPE(process, target);
	if (pgid < 0)
		return EINVAL;
	target = process_find(pid != 0 ? (u32)pid : self->pid);
	if (target == nullptr)
		return ESRCH;
	u32 id = pgid != 0 ? (u32)pgid : target->pid;
	SPIN_SCOPE(&pid_lock);
	TRY(setpgid_check(self, target));
	struct process_group *group = process_group_at(id);
	if (group == target->group)
		return OK;
	if (group != nullptr && group->session == self->group->session) {
		process_group_enter(target, group);
		return OK;
	}
	if (id != target->pid || group != nullptr)
		return EPERM;
	TRY(process_group_create(id, target->group->session, &group));
	process_group_enter(target, group);
	process_group_put(group);
	return OK;
}

err_t
sys_setsid(u64 *scoped result)
{
	struct process *self = process_current();
	struct process_group *group = nullptr;
	SPIN_SCOPE(&pid_lock);
	if (self->group->session->id == self->pid || process_group_at(self->pid) != nullptr)
		return EPERM;
	TRY(session_create(self->pid, &group));
	process_group_enter(self, group);
	process_group_put(group);
	atomic32_store(&self->no_terminal, 0);
	*result = self->pid;
	return OK;
}

/* --- comparing --- */

enum kcmp_type : i32 { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM };

static bool
same_resource(struct thread *a, struct thread *b, i32 type) NO_THREAD_SAFETY("pointers are only compared")
{
	switch (type) {
	case KCMP_VM: return a->map == b->map;
	case KCMP_FILES: return a->files == b->files;
	case KCMP_FS: return a->fs == b->fs;
	case KCMP_IO: return POINTER_LOAD(*ELEM(a->extra, THREAD_EXTRA_IO)) == POINTER_LOAD(*ELEM(b->extra, THREAD_EXTRA_IO));
	case KCMP_SYSVSEM: return POINTER_LOAD(*ELEM(a->extra, THREAD_EXTRA_SEM_UNDO)) == POINTER_LOAD(*ELEM(b->extra, THREAD_EXTRA_SEM_UNDO));
	default: return a->process == b->process;
	}
}

static struct file *
thread_file(struct thread *thread, u64 fd)
{
	struct fd_table *files = nullptr;
	{
		SPIN_SCOPE(&thread->lock);
		files = thread->files;
		if (files != nullptr)
			fd_table_ref(files);
	}
	if (files == nullptr)
		return nullptr;
	struct file *file = fd <= 0xffffffff ? fd_table_file(files, (u32)fd) : nullptr;
	fd_table_unref(files);
	return file;
}

err_t
sys_kcmp(i32 pid1, i32 pid2, i32 type, u64 idx1, u64 idx2, u64 *scoped result)
{
	REF_SCOPE(thread, a);
	REF_SCOPE(thread, b);
	REF_SCOPE(file, file1);
	REF_SCOPE(file, file2);
	a = pid1 > 0 ? thread_find((u32)pid1) : nullptr;
	b = pid2 > 0 ? thread_find((u32)pid2) : nullptr;
	if (a == nullptr || b == nullptr)
		return ESRCH;
	if (!process_may_look(a) || !process_may_look(b))
		return EPERM;
	if (type < KCMP_FILE || type > KCMP_SYSVSEM)
		return EINVAL;
	if (type == KCMP_FILE) {
		file1 = thread_file(a, idx1);
		file2 = thread_file(b, idx2);
		if (file1 == nullptr || file2 == nullptr)
			return EBADF;
	}
	/* Without an order of pointers in Safe C, different is just "different": 3 is Linux' "not equal, and no order". */
	*result = (type == KCMP_FILE ? file1 == file2 : same_resource(a, b, type)) ? 0 : 3;
	return OK;
}
