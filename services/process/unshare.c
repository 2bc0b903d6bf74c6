// SPDX-License-Identifier: MPL-2.0
/**
 * unshare and setns: parts of a thread that it stops sharing. There are no namespaces yet.
 */
#include "process_impl.h"

#include <sysv.h>

enum : u64 {
	CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_THREAD = 0x10000, CLONE_SYSVSEM = 0x40000,
	CLONE_NEWTIME = 0x80, CLONE_NEWNS = 0x20000, CLONE_NEWCGROUP = 0x2000000, CLONE_NEWUTS = 0x4000000, CLONE_NEWIPC = 0x8000000,
	CLONE_NEWUSER = 0x10000000, CLONE_NEWPID = 0x20000000, CLONE_NEWNET = 0x40000000,
	NAMESPACES = CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET,
	KNOWN = NAMESPACES | CLONE_NEWUSER | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
};

static bool
process_is_single(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	return process->thread_count == 1;
}

static err_t
unshare_fs(struct thread *thread)
{
	struct fs_context *old = thread_own_fs(thread), *own = nullptr;
	TRY(fs_context_copy(old, &own));
	{
		SPIN_SCOPE(&thread->lock);
		thread->fs = own;
	}
	fs_context_put(old);
	return OK;
}

static err_t
unshare_files(struct thread *thread)
{
	struct fd_table *old = thread_own_files(thread), *own = nullptr;
	TRY(fd_table_unshare(&own));
	if (own == nullptr)
		return OK;
	{
		SPIN_SCOPE(&thread->lock);
		thread->files = own;
	}
	fd_table_leave(old);
	return OK;
}

err_t
sys_unshare(u64 flags)
{
	struct thread *thread = thread_current();
	if ((flags & ~(u64)KNOWN) != 0 || (flags & CLONE_NEWUSER) != 0)
		return EINVAL;
	/* What is shared inside of a process cannot be parted. */
	if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) != 0 && !process_is_single(thread->process))
		return EINVAL;
	if ((flags & NAMESPACES) != 0)
		return capable(CAP_SYS_ADMIN) ? EINVAL : EPERM;
	if ((flags & CLONE_FS) != 0)
		TRY(unshare_fs(thread));
	if ((flags & CLONE_SYSVSEM) != 0)
		sem_undo_leave(thread);
	return (flags & CLONE_FILES) != 0 ? unshare_files(thread) : OK;
}
