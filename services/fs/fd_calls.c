// SPDX-License-Identifier: MPL-2.0
/**
 * close(2), dup(2) and their kin.
 *
 * Source: close(2), close_range(2), dup(2).
 */
#include <syscall_handlers.h>

#include "fd.h"

enum : u32 { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };

err_t
sys_close(i32 fd)
{
	return fd_close(fd);
}

err_t
sys_dup(i32 fd, u64 *scoped result)
{
	struct fd_hold hold = {};
	i32 copy = -1;
	TRY(fd_borrow_any(fd, &hold));
	err_t err = fd_install(hold.file, 0, false, &copy);
	fd_return(&hold);
	*result = (u64)copy;
	return err;
}

static err_t
dup_onto(i32 from, i32 to, bool cloexec, u64 *scoped result)
{
	struct file *file = nullptr;
	TRY(fd_get_any(from, &file));
	err_t err = to < 0 ? EBADF : fd_replace((u32)to, file, cloexec);
	file_put(file);
	*result = (u64)to;
	return err;
}

err_t
sys_dup2(i32 oldfd, i32 newfd, u64 *scoped result)
{
	if (oldfd != newfd)
		return dup_onto(oldfd, newfd, false, result);
	struct fd_hold hold = {};
	TRY(fd_borrow_any(oldfd, &hold));
	fd_return(&hold);
	*result = (u64)newfd;
	return OK;
}

err_t
sys_dup3(i32 oldfd, i32 newfd, u32 flags, u64 *scoped result)
{
	if ((flags & ~(u32)O_CLOEXEC) != 0 || oldfd == newfd)
		return EINVAL;
	return dup_onto(oldfd, newfd, (flags & O_CLOEXEC) != 0, result);
}

/** close_range(CLOSE_RANGE_UNSHARE): a table of one's own; what is to be closed up to its end is not copied. */
static err_t
range_unshare(u32 first, u32 last, u32 flags)
{
	struct fd_table *old = files_current(), *table = nullptr;
	if (atomic32_load(&old->users) == 1)
		return OK;
	bool tail = (flags & CLOSE_RANGE_CLOEXEC) == 0 && last >= fd_table_size(old) - 1;
	TRY(fd_table_copy_below(old, tail ? first : ~(u32)0, &table));
	struct thread *thread = thread_current();
	{
		SPIN_SCOPE(&thread->lock);
		thread->files = table;
	}
	fd_table_leave(old);
	return OK;
}

err_t
sys_close_range(u32 first, u32 last, u32 flags)
{
	if ((flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0 || first > last)
		return EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) != 0)
		TRY(range_unshare(first, last, flags));
	struct fd_table *table = files_current();
	if ((flags & CLOSE_RANGE_CLOEXEC) != 0)
		fd_table_mark_cloexec(table, first, last);
	else
		fd_table_close_range(table, first, last);
	return OK;
}
