// SPDX-License-Identifier: MPL-2.0
/**
 * Reading, writing and watching pipes.
 *
 * The other side is told when the ring ceases to be empty (full), after the lock is released: who is woken finds it free. One sleeper is woken;
 * who leaves something for another passes the wake-up on.
 */
#include "pipe.h"

#include <signal.h>
#include <thread.h>

enum : u32 { F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032 };

ARRAY_DEFINE(pipe_buffers, struct pipe_buffer);
static struct atomic64 pipe_ids;

static void
buffers_free(struct pipe_buffers *buffers)
{
	for (u32 i = 0; i < pipe_buffers_len(buffers); i++) {
		struct pipe_buffer *buffer = pipe_buffers_at(buffers, i);
		if (buffer->frame != nullptr)
			frame_put(buffer->frame);
		buffer->frame = nullptr;
	}
	pipe_buffers_put(buffers);
}

static void
pipe_release(struct pipe *pipe) NO_THREAD_SAFETY("the last reference")
{
	if (pipe->user != nullptr) {
		(void)pipe_user_charge(pipe->user, pipe->charged, 0, true);
		user_account_put(pipe->user);
	}
	if (pipe->buffers != nullptr)
		buffers_free(pipe->buffers);
}
OBJECT_DEFINE_RELEASE(pipe);

/** How many slots a new pipe of the running thread gets, charged to `user`; 0: none, it has too many. */
static u32
pipe_slots_charge(struct user_account *user)
{
	u32 slots = PIPE_SLOTS_DEFAULT;
	u64 limit = pipe_limit(PIPE_LIMIT_SIZE);
	if (slots * PAGE_SIZE > limit && !capable(CAP_SYS_RESOURCE))
		slots = (u32)(limit >> PAGE_SHIFT);
	if (pipe_user_charge(user, 0, slots, false))
		return slots;
	return pipe_user_charge(user, 0, PIPE_SLOTS_MIN_DEFAULT, true) ? PIPE_SLOTS_MIN_DEFAULT : 0;
}

err_t
pipe_create(struct pipe **scoped out) NO_THREAD_SAFETY("nobody else has it yet")
{
	REF_SCOPE(pipe, pipe);
	pipe = pipe_alloc();
	if (pipe == nullptr)
		return ENOMEM;
	pipe->user = user_account_current_get();
	pipe->charged = pipe_slots_charge(pipe->user);
	if (pipe->charged == 0)
		return ENFILE;
	pipe->buffers = pipe_buffers_alloc(pipe->charged);
	if (pipe->buffers == nullptr)
		return ENOMEM;
	atomic32_store_relaxed(&pipe->capacity, pipe->charged);
	pipe->id = atomic64_add_relaxed(&pipe_ids, 1);
	*out = pipe;
	pipe = nullptr;
	return OK;
}

struct pipe_buffer *
pipe_slot(struct pipe *pipe, u32 index)
{
	struct pipe_buffers *buffers = pipe->buffers;
	return pipe_buffers_at(buffers, index & (pipe_buffers_len(buffers) - 1));
}

void
pipe_consume(struct pipe *pipe, u32 len)
{
	u32 tail = atomic32_load_relaxed(&pipe->tail);
	struct pipe_buffer *buffer = pipe_slot(pipe, tail);
	assert(len <= buffer->len);
	buffer->off += len;
	buffer->len -= len;
	if (buffer->len != 0)
		return;
	if (!buffer->own) {
		frame_put(buffer->frame);
		buffer->frame = nullptr;
	}
	/* The last one is turned back to, so that its frame is the next to be used. */
	if (atomic32_load_relaxed(&pipe->head) == tail + 1)
		atomic32_store_release(&pipe->head, tail);
	else
		atomic32_store_release(&pipe->tail, tail + 1);
}

void
pipe_push(struct pipe *pipe, struct frame *frame, u32 off, u32 len, bool own)
{
	u32 head = atomic32_load_relaxed(&pipe->head);
	struct pipe_buffer *buffer = pipe_slot(pipe, head);
	assert(!pipe_full(pipe) && len > 0);
	if (buffer->frame != nullptr)
		frame_put(buffer->frame);
	*buffer = (struct pipe_buffer){ .frame = frame, .off = off, .len = len, .own = own };
	atomic32_store_release(&pipe->head, head + 1);
}

/** All `len` bytes, or none as far as the caller of read or write can tell. */
static err_t
take_whole(struct uio *scoped uio, struct frame *frame, u32 off, u32 len)
{
	u64 left = uio->left;
	err_t err = uio_take_frame(uio, frame, off, len);
	if (__builtin_expect(err != OK, false))
		uio->left = left;
	return err;
}

static err_t
put_whole(struct uio *scoped uio, struct frame *frame, u32 off, u32 len)
{
	u64 left = uio->left;
	err_t err = uio_put_frame(uio, frame, off, len);
	if (__builtin_expect(err != OK, false))
		uio->left = left;
	return err;
}

/** Puts what the transfer has beyond whole pages behind the newest bytes, if it fits there as a whole. */
static err_t
pipe_merge(struct pipe *pipe, struct uio *scoped uio) MUST_HOLD(&pipe->lock)
{
	u32 len = (u32)(uio->left & (PAGE_SIZE - 1));
	if (len == 0 || pipe_empty(pipe))
		return OK;
	struct pipe_buffer *last = pipe_slot(pipe, atomic32_load_relaxed(&pipe->head) - 1);
	if (!last->merge || !last->own || last->off + last->len + len > PAGE_SIZE)
		return OK;
	TRY(take_whole(uio, last->frame, last->off + last->len, len));
	last->len += len;
	return OK;
}

err_t
pipe_fill(struct pipe *pipe, struct uio *scoped uio, bool packet)
{
	TRY(pipe_merge(pipe, uio));
	while (uio->left != 0 && !pipe_full(pipe)) {
		u32 head = atomic32_load_relaxed(&pipe->head);
		struct pipe_buffer *buffer = pipe_slot(pipe, head);
		u32 len = (u32)MIN(uio->left, PAGE_SIZE);
		if (buffer->frame == nullptr)
			buffer->frame = frame_alloc();
		if (buffer->frame == nullptr)
			return ENOMEM;
		buffer->own = true;
		TRY(take_whole(uio, buffer->frame, 0, len));
		buffer->off = 0;
		buffer->len = len;
		buffer->merge = !packet;
		buffer->packet = packet;
		atomic32_store_release(&pipe->head, head + 1);
	}
	return OK;
}

static err_t
pipe_drain(struct pipe *pipe, struct uio *scoped uio) MUST_HOLD(&pipe->lock)
{
	while (uio->left != 0 && !pipe_empty(pipe)) {
		struct pipe_buffer *buffer = pipe_slot(pipe, atomic32_load_relaxed(&pipe->tail));
		u32 len = (u32)MIN(uio->left, (u64)buffer->len);
		bool packet = buffer->packet;
		TRY(put_whole(uio, buffer->frame, buffer->off, len));
		pipe_consume(pipe, packet ? buffer->len : len);
		if (packet)
			break;
	}
	return OK;
}

err_t
pipe_wait_readable(struct pipe *pipe, u32 flags)
{
	if ((flags & O_NONBLOCK) != 0)
		return pipe_readable(pipe) ? OK : EAGAIN;
	return restartable(WAIT_UNTIL(&pipe->read_queue.wait, pipe_readable(pipe), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

err_t
pipe_wait_writable(struct pipe *pipe, u32 flags)
{
	if ((flags & O_NONBLOCK) != 0)
		return pipe_writable(pipe) ? OK : EAGAIN;
	return restartable(WAIT_UNTIL(&pipe->write_queue.wait, pipe_writable(pipe), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

void
pipe_tell_readers(struct pipe *pipe, bool was_empty)
{
	if ((was_empty && !pipe_empty(pipe)) || atomic32_load_relaxed(&pipe->watched) != 0)
		(void)poll_wake_one(&pipe->read_queue, POLL_IN | POLL_RDNORM);
	if (!pipe_full(pipe))
		(void)wake_one(&pipe->write_queue.wait);
}

void
pipe_tell_writers(struct pipe *pipe, bool was_full)
{
	if (was_full && !pipe_full(pipe))
		(void)poll_wake_one(&pipe->write_queue, POLL_OUT | POLL_WRNORM);
	if (!pipe_empty(pipe))
		(void)wake_one(&pipe->read_queue.wait);
}

static err_t
pipe_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct pipe *pipe = file->pipe;
	u64 before = uio->left;
	while (uio->left != 0) {
		bool was_full = false, ended = false;
		if (!pipe_readable(pipe))
			TRY(pipe_wait_readable(pipe, flags));
		err_t err = OK;
		{
			MUTEX_SCOPE(&pipe->lock);
			was_full = pipe_full(pipe);
			err = pipe_drain(pipe, uio);
			ended = atomic32_load_relaxed(&pipe->writers) == 0;
		}
		pipe_tell_writers(pipe, was_full);
		if (uio->left != before || err != OK || ended)
			return err;
	}
	return OK;
}

static err_t
pipe_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct pipe *pipe = file->pipe;
	bool packet = (flags & O_DIRECT) != 0;
	while (uio->left != 0) {
		bool was_empty = false;
		err_t err = OK;
		{
			MUTEX_SCOPE(&pipe->lock);
			was_empty = pipe_empty(pipe);
			err = atomic32_load_relaxed(&pipe->readers) != 0 ? pipe_fill(pipe, uio, packet) : EPIPE;
		}
		pipe_tell_readers(pipe, was_empty);
		TRY(err);
		if (uio->left != 0)
			TRY(pipe_wait_writable(pipe, flags));
	}
	return OK;
}

static u32
pipe_poll(struct file *file, struct poll_table *scoped table)
{
	struct pipe *pipe = file->pipe;
	u32 events = 0;
	if (atomic32_load_relaxed(&pipe->watched) == 0)
		atomic32_store(&pipe->watched, 1);
	if ((file->mode & FILE_READ) != 0)
		poll_add(table, &pipe->read_queue);
	if ((file->mode & FILE_WRITE) != 0)
		poll_add(table, &pipe->write_queue);
	if ((file->mode & FILE_READ) != 0) {
		events |= pipe_empty(pipe) ? 0 : POLL_IN | POLL_RDNORM;
		/* A FIFO that has not had a writer since it was opened has not hung up. */
		if (atomic32_load_acquire(&pipe->writers) == 0 &&
		    atomic64_load_relaxed(&file->version) != atomic32_load_acquire(&pipe->writes_opened))
			events |= POLL_HUP;
	}
	if ((file->mode & FILE_WRITE) != 0) {
		events |= pipe_full(pipe) ? 0 : POLL_OUT | POLL_WRNORM;
		events |= atomic32_load_acquire(&pipe->readers) == 0 ? POLL_ERR : 0;
	}
	return events;
}

static u32
pipe_bytes(struct pipe *pipe)
{
	MUTEX_SCOPE(&pipe->lock);
	u32 bytes = 0;
	u32 head = atomic32_load_relaxed(&pipe->head);
	for (u32 at = atomic32_load_relaxed(&pipe->tail); at != head; at++)
		bytes += pipe_slot(pipe, at)->len;
	return bytes;
}

static err_t
pipe_file_readable(struct file *file, u64 *scoped bytes)
{
	*bytes = pipe_bytes(file->pipe);
	return OK;
}

static u32
slots_of_size(u64 size)
{
	if (size > (u64)1 << 31)
		return 0;
	u32 slots = 1;
	while ((u64)slots << PAGE_SHIFT < size)
		slots <<= 1;
	return slots;
}

/** Moves the ring into one of `slots`. => EBUSY: that holds less than is in it; ENOMEM */
static err_t
ring_replace(struct pipe *pipe, u32 slots) MUST_HOLD(&pipe->lock)
{
	u32 used = pipe_used(pipe), tail = atomic32_load_relaxed(&pipe->tail);
	if (used > slots)
		return EBUSY;
	struct pipe_buffers *buffers = pipe_buffers_alloc(slots);
	if (buffers == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < used; i++) {
		struct pipe_buffer *from = pipe_slot(pipe, tail + i);
		*pipe_buffers_at(buffers, i) = *from;
		from->frame = nullptr;
	}
	buffers_free(pipe->buffers);
	pipe->buffers = buffers;
	atomic32_store_relaxed(&pipe->tail, 0);
	atomic32_store_relaxed(&pipe->head, used);
	atomic32_store_release(&pipe->capacity, slots);
	return OK;
}

static err_t
pipe_resize_locked(struct pipe *pipe, u32 slots) MUST_HOLD(&pipe->lock)
{
	bool grows = slots > atomic32_load_relaxed(&pipe->capacity);
	if (grows && (u64)slots << PAGE_SHIFT > pipe_limit(PIPE_LIMIT_SIZE) && !capable(CAP_SYS_RESOURCE))
		return EPERM;
	u32 old = pipe->charged;
	if (!pipe_user_charge(pipe->user, old, slots, false)) {
		if (grows)
			return EPERM;
		(void)pipe_user_charge(pipe->user, old, slots, true);
	}
	err_t err = ring_replace(pipe, slots);
	if (err != OK)
		(void)pipe_user_charge(pipe->user, slots, old, true);
	else
		pipe->charged = slots;
	return err;
}

err_t
pipe_resize(struct pipe *pipe, u64 size)
{
	u32 slots = slots_of_size(size);
	if (slots == 0)
		return EINVAL;
	{
		MUTEX_SCOPE(&pipe->lock);
		TRY(pipe_resize_locked(pipe, slots));
	}
	poll_wake(&pipe->write_queue, POLL_OUT | POLL_WRNORM);
	return OK;
}

static err_t
pipe_control(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	struct pipe *pipe = file->pipe;
	if (command == F_SETPIPE_SZ)
		TRY(pipe_resize(pipe, (u32)arg));
	else if (command != F_GETPIPE_SZ)
		return EINVAL;
	*result = (u64)atomic32_load_acquire(&pipe->capacity) << PAGE_SHIFT;
	return OK;
}

/** A FIFO's inode forgets its pipe with the last file. */
static void
fifo_forget(struct inode *inode, struct pipe *pipe)
{
	RW_WRITE_SCOPE(&inode->lock);
	assert(pipe->files > 0);
	pipe->files -= 1;
	if (pipe->files == 0)
		inode->pipe = nullptr;
}

static void
pipe_file_release(struct file *file)
{
	struct pipe *pipe = file->pipe;
	bool ended = false;
	{
		MUTEX_SCOPE(&pipe->lock);
		u32 readers = atomic32_load_relaxed(&pipe->readers) - ((file->mode & FILE_READ) != 0 ? 1 : 0);
		u32 writers = atomic32_load_relaxed(&pipe->writers) - ((file->mode & FILE_WRITE) != 0 ? 1 : 0);
		atomic32_store_release(&pipe->readers, readers);
		atomic32_store_release(&pipe->writers, writers);
		ended = (readers == 0) != (writers == 0);
	}
	if (ended) {
		poll_wake(&pipe->read_queue, POLL_IN | POLL_RDNORM | POLL_ERR | POLL_HUP);
		poll_wake(&pipe->write_queue, POLL_OUT | POLL_WRNORM | POLL_ERR | POLL_HUP);
	}
	if (pipe->files != 0)
		fifo_forget(file->inode, pipe);
	pipe_put(pipe);
}

/** An inode for an end of pipe(2)'s: with it the pipe can be opened anew. */
static void
pipe_inode_made(struct file *file, struct inode *inode)
{
	struct pipe *pipe = file->pipe;
	pipe_get(pipe);
	inode->pipe = pipe_object(pipe);
	inode->ops = &pipe_inode_ops;
}

static void
pipe_inode_evict(struct inode *inode)
{
	pipe_put(pipe_from(inode->pipe));
}

const struct inode_ops pipe_inode_ops = { .evict = pipe_inode_evict };

const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.control = pipe_control,
	.release = pipe_file_release,
	.readable = pipe_file_readable,
	.inode_made = pipe_inode_made,
	.stream = true,
};
