// SPDX-License-Identifier: MPL-2.0
/**
 * pidfds: descriptors that name a process, and become readable when it ends.
 */
#include "process_impl.h"

#include <poll.h>

enum pidfd_flags : u32 { PIDFD_NONBLOCK = O_NONBLOCK };

/** What pidfds of one process wait on: as long as the process. */
struct end_watch { struct poll_queue queue; };
OBJECT_DECLARE(end_watch);
OBJECT_DEFINE(end_watch);

static u32
pidfd_poll(struct file *file, struct poll_table *scoped table)
{
	struct process *process = process_from(file->private);
	struct object *watch = nullptr;
	{
		SPIN_SCOPE(&process->lock);
		watch = process->end_watch;
	}
	poll_add(table, &end_watch_from(watch)->queue);
	return atomic32_load(&process->zombie) != 0 ? POLL_IN | POLL_RDNORM : 0;
}

static void
pidfd_release(struct file *file)
{
	process_put(process_from(file->private));
}

static size_t
pidfd_describe(struct file *file, struct bytes text)
{
	struct process *process = process_from(file->private);
	if (atomic32_load(&process->reaped) != 0)
		return format_text(text, "Pid:\t-1\nNSpid:\t-1\n");
	return format_text(text, "Pid:\t{}\nNSpid:\t{}\n", process->pid, process->pid);
}

static const struct file_ops pidfd_ops = { .poll = pidfd_poll, .release = pidfd_release, .describe = pidfd_describe };

/** The process has an end_watch afterwards. */
static err_t
end_watch_make(struct process *process)
{
	REF_SCOPE(end_watch, fresh);
	fresh = end_watch_alloc();
	if (fresh == nullptr)
		return ENOMEM;
	SPIN_SCOPE(&process->lock);
	if (process->end_watch == nullptr) {
		process->end_watch = end_watch_object(fresh);
		fresh = nullptr;
	}
	return OK;
}

void
pidfd_process_free(struct process *process)
{
	struct object *watch = nullptr;
	{
		SPIN_SCOPE(&process->lock);
		watch = process->end_watch;
		process->end_watch = nullptr;
	}
	if (watch != nullptr)
		end_watch_put(end_watch_from(watch));
}

err_t
pidfd_create(struct process *process, u32 flags, struct file **scoped out)
{
	TRY(end_watch_make(process));
	process_get(process);
	err_t err = file_create(&pidfd_ops, process_object(process), O_RDWR | flags, FILE_READ | FILE_WRITE, KIND_PIDFD, out);
	if (err != OK)
		process_put(process);
	return err;
}

static pidfd_directory_fn *directory_hook;          /* [boot] */

void
pidfd_directory_register(pidfd_directory_fn *find)
{
	directory_hook = find;
}

/** As pidfd_process, for a directory of /proc too. */
static err_t
pidfd_or_directory_process(i32 fd, struct process **scoped out)
{
	err_t err = pidfd_process(fd, out);
	if (err != EBADF || directory_hook == nullptr)
		return err;
	REF_SCOPE(file, file);
	TRY(fd_get(fd, &file));
	return directory_hook(file, out);
}

err_t
pidfd_process(i32 fd, struct process **scoped out)
{
	REF_SCOPE(file, file);
	TRY(fd_get(fd, &file));
	if (!file_is(file, &pidfd_ops))
		return EBADF;
	struct process *process = process_from(file->private);
	process_get(process);
	*out = process;
	return OK;
}

void
pidfd_notify(struct process *process)
{
	struct object *watch = nullptr;
	{
		SPIN_SCOPE(&process->lock);
		watch = process->end_watch;
	}
	if (watch != nullptr)
		poll_wake(&end_watch_from(watch)->queue, POLL_IN | POLL_RDNORM);
}

err_t
sys_pidfd_open(i32 pid, u32 flags, u64 *scoped result)
{
	REF_SCOPE(process, process);
	REF_SCOPE(file, file);
	i32 fd = -1;
	if ((flags & ~(u32)PIDFD_NONBLOCK) != 0 || pid <= 0)
		return EINVAL;
	process = process_find((u32)pid);
	if (process == nullptr) {
		REF_SCOPE(thread, thread);
		thread = thread_find((u32)pid);
		return thread != nullptr ? EINVAL : ESRCH;
	}
	TRY(pidfd_create(process, flags, &file));
	TRY(fd_install(file, 0, true, &fd));
	*result = (u32)fd;
	return OK;
}

/** A thread of the process that still has its files, with a reference; null: all have ended. */
struct thread *
process_living_thread(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	LIST_FOR(thread_list, thread, &process->threads) {
		if (atomic32_load_relaxed(&thread->ended) == 0) {
			thread_get(thread);
			return thread;
		}
	}
	return nullptr;
}

static struct fd_table *
thread_files_get(struct thread *thread)
{
	SPIN_SCOPE(&thread->lock);
	if (thread->files != nullptr)
		fd_table_ref(thread->files);
	return thread->files;
}

err_t
sys_pidfd_getfd(i32 pidfd, i32 target, u32 flags, u64 *scoped result)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(file, file);
	i32 fd = -1;
	if (flags != 0)
		return EINVAL;
	TRY(pidfd_process(pidfd, &process));
	thread = process_living_thread(process);
	if (thread == nullptr)
		return ESRCH;
	if (!process_may_look(thread))
		return EPERM;
	struct fd_table *files = thread_files_get(thread);
	if (files == nullptr)
		return ESRCH;
	file = target >= 0 ? fd_table_file(files, (u32)target) : nullptr;
	fd_table_unref(files);
	if (file == nullptr)
		return EBADF;
	TRY(fd_install(file, 0, true, &fd));
	*result = (u32)fd;
	return OK;
}

err_t
sys_pidfd_send_signal(i32 pidfd, i32 sig, uaddr_t info, u32 flags)
{
	REF_SCOPE(process, process);
	if (flags != 0)
		return EINVAL;
	TRY(pidfd_or_directory_process(pidfd, &process));
	return atomic32_load(&process->reaped) != 0 ? ESRCH : signal_queue_user(process, (u32)sig, info);
}
