// SPDX-License-Identifier: MPL-2.0
/**
 * eventfd(2): a counter that can be waited for.
 */
#include <file.h>
#include <poll.h>
#include <thread.h>
#include <uio.h>

#include <cadre/log.h>

#include <syscall_handlers.h>

enum : u32 { EFD_SEMAPHORE = 1, EFD_CLOEXEC = O_CLOEXEC, EFD_NONBLOCK = O_NONBLOCK };
enum : u64 { EVENTFD_MAX = ~(u64)0 };

struct eventfd {
	struct atomic64 count;
	bool semaphore;             /* [const] a read takes 1 */
	u32 id;                     /* [const] for fdinfo */
	struct poll_queue queue;
};
OBJECT_DECLARE(eventfd);
OBJECT_DEFINE(eventfd);

static struct atomic32 eventfd_ids;

/** Takes the count, or one of it. => EAGAIN: it is 0 */
static err_t
eventfd_take(struct eventfd *event, u64 *scoped value)
{
	u64 count = atomic64_load_relaxed(&event->count);
	do {
		if (count == 0)
			return EAGAIN;
		*value = event->semaphore ? 1 : count;
	} while (!atomic64_cas(&event->count, &count, count - *value));
	return OK;
}

/** => EAGAIN: it would be more than may be */
static err_t
eventfd_add(struct eventfd *event, u64 value)
{
	u64 count = atomic64_load_relaxed(&event->count);
	do {
		if (EVENTFD_MAX - count <= value)
			return EAGAIN;
	} while (!atomic64_cas(&event->count, &count, count + value));
	return OK;
}

static inline u64
eventfd_count(struct eventfd *event)
{
	return atomic64_load_acquire(&event->count);
}

static err_t
eventfd_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct eventfd *event = file->eventfd;
	if (uio->left < sizeof(u64))
		return EINVAL;
	u64 value = 0;
	while (eventfd_take(event, &value) != OK) {
		if ((flags & O_NONBLOCK) != 0)
			return EAGAIN;
		TRY(restartable(WAIT_UNTIL(&event->queue.wait, eventfd_count(event) != 0, WAIT_INTERRUPTIBLE, TIME_NEVER)));
	}
	poll_wake(&event->queue, POLL_OUT | POLL_WRNORM);
	return uio_put(uio, CBYTES_OF(value));
}

static err_t
eventfd_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct eventfd *event = file->eventfd;
	u64 value = 0, left = uio->left;
	if (left < sizeof(value))
		return EINVAL;
	TRY(uio_take(uio, BYTES_OF(value)));
	err_t err = value == EVENTFD_MAX ? EINVAL : eventfd_add(event, value);
	while (err == EAGAIN && (flags & O_NONBLOCK) == 0) {
		err = restartable(WAIT_UNTIL(&event->queue.wait, EVENTFD_MAX - eventfd_count(event) > value, WAIT_INTERRUPTIBLE,
		                             TIME_NEVER));
		if (err == OK)
			err = eventfd_add(event, value);
	}
	if (err == OK)
		poll_wake(&event->queue, POLL_IN | POLL_RDNORM);
	else
		uio->left = left;
	return err;
}

static u32
eventfd_poll(struct file *file, struct poll_table *scoped table)
{
	struct eventfd *event = file->eventfd;
	poll_add(table, &event->queue);
	u64 count = eventfd_count(event);
	return (count > 0 ? POLL_IN : 0) | (count == EVENTFD_MAX ? POLL_ERR : 0) | (count < EVENTFD_MAX - 1 ? POLL_OUT : 0);
}

static void
eventfd_release(struct file *file)
{
	struct eventfd *event = file->eventfd;
	poll_wake(&event->queue, POLL_HUP);
	eventfd_put(event);
}

static size_t
eventfd_describe(struct file *file, struct bytes text)
{
	struct eventfd *event = file->eventfd;
	return format_text(text, "eventfd-count: {x}\neventfd-id: {}\neventfd-semaphore: {}\n", eventfd_count(event), event->id,
	                   event->semaphore ? 1 : 0);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.seek = file_seek_nowhere,
	.release = eventfd_release,
	.describe = eventfd_describe,
};

static err_t
eventfd_file(struct eventfd *event, u32 flags, u64 *scoped result)
{
	REF_SCOPE(file, file);
	TRY(file_create(&eventfd_ops, eventfd_object(event), O_RDWR | (flags & O_NONBLOCK), FILE_READ | FILE_WRITE, KIND_EVENTFD, &file));
	eventfd_get(event);     /* the file's own */
	file->eventfd = event;
	i32 fd = 0;
	TRY(fd_install(file, 0, (flags & O_CLOEXEC) != 0, &fd));
	*result = (u64)fd;
	return OK;
}

err_t
sys_eventfd2(u32 initval, u32 flags, u64 *scoped result) NO_THREAD_SAFETY("nobody else has it yet")
{
	if ((flags & ~(u32)(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK)) != 0)
		return EINVAL;
	REF_SCOPE(eventfd, event);
	event = eventfd_alloc();
	if (event == nullptr)
		return ENOMEM;
	atomic64_store_relaxed(&event->count, initval);
	event->semaphore = (flags & EFD_SEMAPHORE) != 0;
	event->id = atomic32_add(&eventfd_ids, 1);
	return eventfd_file(event, flags, result);
}

err_t
sys_eventfd(u32 initval, u64 *scoped result)
{
	return sys_eventfd2(initval, 0, result);
}
