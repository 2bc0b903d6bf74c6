// SPDX-License-Identifier: MPL-2.0
/**
 * O_ASYNC: a signal when a file becomes ready.
 *
 * The file's own poll queues are watched. A callback runs with interrupts off, so it queues a work item, which finds the owner and signals.
 *
 * Source: fcntl(2) (F_SETOWN, F_SETSIG).
 */
#include <session.h>
#include <work.h>

#include "fs_impl.h"

enum : u32 { ASYNC_QUEUES = 4 };
enum : u32 { OWNER_THREAD = 0, OWNER_PROCESS = 1, OWNER_GROUP = 2 };

struct file_async {
	struct file *file;                  /* not counted: ended by its release */
	struct work *work;
	struct poll_watch *watches[ASYNC_QUEUES];
	u32 count;
	i32 fd;                             /* for si_fd: the descriptor that asked */
	struct atomic32 events;
};
OBJECT_DECLARE(file_async);
OBJECT_DEFINE(file_async);

static bool
async_fire(struct poll_watch *watch, u32 events)
{
	struct file_async *async = file_async_from(watch->owner);
	(void)atomic32_or(&async->events, events != 0 ? events : POLL_IN);
	(void)work_queue(async->work);
	return false;
}

static void
async_send_process(struct process *process, u32 number, const struct signal_info *scoped info)
{
	if (process == nullptr)
		return;
	(void)signal_send_process(process, number, info);
	process_put(process);
}

void
file_owner_signal(struct file *file, i32 code, i32 band, i32 fd)
{
	u32 id = atomic32_load(&file->owner_pid), asked = atomic32_load(&file->owner_signal), number = asked != 0 ? asked : SIGIO;
	struct signal_info info = { .number = number, .code = asked == 0 ? SI_KERNEL : code, .band = band, .fd = fd };
	if (id == 0)
		return;
	switch (atomic32_load(&file->owner_kind)) {
	case OWNER_THREAD: {
		REF_SCOPE(thread, thread);
		thread = thread_find(id);
		if (thread != nullptr)
			(void)signal_send_thread(thread, number, &info);
		return;
	}
	case OWNER_GROUP: {
		REF_SCOPE(process_group, group);
		group = process_group_find(id);
		if (group != nullptr)
			signal_send_group(group, number);
		return;
	}
	default:
		async_send_process(process_find(id), number, &info);
	}
}

/** In a worker: signals the owner. */
static void
async_signal(struct object *arg)
{
	struct file_async *async = file_async_from(arg);
	u32 events = atomic32_exchange(&async->events, 0);
	if (events != 0)
		file_owner_signal(async->file, (events & POLL_OUT) != 0 ? 2 : 1, (i32)events, async->fd);
}

static err_t
async_add(struct poll_table *scoped table, struct poll_queue *queue)
{
	struct file_async *async = file_async_from(table->owner);
	struct poll_watch *watch = poll_watch_alloc();
	if (watch == nullptr || async->count == ASYNC_QUEUES) {
		if (watch != nullptr)
			poll_watch_put(watch);
		return ENOMEM;
	}
	watch->fn = async_fire;
	watch->owner = table->owner;
	*ELEM(async->watches, async->count) = watch;
	async->count++;
	poll_watch_add(queue, watch);
	return OK;
}

static void
async_end(struct file_async *async)
{
	for (u32 i = 0; i < async->count; i++) {
		struct poll_watch *watch = *ELEM(async->watches, i);
		poll_watch_remove(watch);
		poll_watch_put_rcu(watch);
	}
	if (async->work != nullptr) {
		(void)work_flush(async->work);
		work_put(async->work);
	}
	file_async_put_rcu(async);
}

void
file_async_end(struct file *file)
{
	struct object *async = file->async;
	file->async = nullptr;
	if (async != nullptr)
		async_end(file_async_from(async));
}

/** Watches the file. The position lock keeps two askers apart. */
static err_t
async_begin(struct file *file, i32 fd)
{
	struct file_async *async = file_async_alloc();
	if (async == nullptr)
		return ENOMEM;
	async->file = file;
	async->fd = fd;
	err_t err = work_create(async_signal, file_async_object(async), &async->work);
	struct poll_table table = { .add = async_add, .owner = file_async_object(async) };
	if (err == OK) {
		(void)file_poll(file, &table);
		err = table.err;
	}
	if (err != OK)
		async_end(async);
	else
		file->async = file_async_object(async);
	return err;
}

err_t
file_async_set(struct file *file, i32 fd, bool on)
{
	/* A file without queues is always ready: it never becomes so. */
	if (file->ops->poll == nullptr)
		return OK;
	MUTEX_SCOPE(&file->position_lock);
	if (on == (file->async != nullptr))
		return OK;
	if (on)
		return async_begin(file, fd);
	file_async_end(file);
	return OK;
}
