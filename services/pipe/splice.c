// SPDX-License-Identifier: MPL-2.0
/**
 * splice(2), tee(2) and vmsplice(2).
 *
 * Between pipes whole pieces change hands and parts are shared; from the page cache pages are shared; all else is copied once into or
 * out of a frame, through a buffer of one page.
 */
#include "splice.h"

#include <signal.h>
#include <syscall_handlers.h>
#include <thread.h>

static err_t
pipe_broken(void)
{
	(void)signal_send_thread(thread_current(), SIGPIPE, nullptr);
	return EPIPE;
}

/* Two pipes at once, the lower id first. */
static void
pipes_lock(struct pipe *a, struct pipe *b) NO_THREAD_SAFETY("two locks in the order of ids")
{
	mutex_acquire(a->id < b->id ? &a->lock : &b->lock);
	mutex_acquire(a->id < b->id ? &b->lock : &a->lock);
}

static void
pipes_unlock(struct pipe *a, struct pipe *b) NO_THREAD_SAFETY("see pipes_lock")
{
	mutex_release(&a->lock);
	mutex_release(&b->lock);
}

/** Puts up to `len` bytes of a slot at the end of `out`, sharing the frame; the slot stays. */
static u32
slot_share(struct pipe_buffer *slot, struct pipe *out, u64 len) NO_THREAD_SAFETY("both are locked")
{
	u32 n = (u32)MIN((u64)slot->len, len);
	slot->own = false;
	slot->merge = false;
	frame_get(slot->frame);
	pipe_push(out, slot->frame, slot->off, n, false);
	pipe_slot(out, atomic32_load_relaxed(&out->head) - 1)->packet = slot->packet;
	return n;
}

/** Moves the oldest slot of `in`, or its first `len` bytes, to `out`. */
static u32
slot_move(struct pipe *in, struct pipe *out, u64 len) NO_THREAD_SAFETY("both are locked")
{
	struct pipe_buffer *slot = pipe_slot(in, atomic32_load_relaxed(&in->tail));
	u32 n = (u32)MIN((u64)slot->len, len);
	if (n < slot->len || slot->frame == nullptr) {
		n = slot_share(slot, out, len);
		pipe_consume(in, n);
		return n;
	}
	struct frame *frame = slot->frame;
	u32 off = slot->off;
	bool own = slot->own, packet = slot->packet;
	slot->own = true;           /* so that consuming leaves the frame alone: it goes on to `out` */
	slot->frame = nullptr;
	pipe_consume(in, n);
	pipe_push(out, frame, off, n, own);
	pipe_slot(out, atomic32_load_relaxed(&out->head) - 1)->packet = packet;
	return n;
}

/** One pass with both locked. => EPIPE, EAGAIN: nothing could be moved for now */
static err_t
pipes_move(struct pipe *in, struct pipe *out, u64 len, bool share, u64 *scoped moved) NO_THREAD_SAFETY("both are locked")
{
	if (atomic32_load_relaxed(&out->readers) == 0)
		return EPIPE;
	if (pipe_empty(in))
		return atomic32_load_relaxed(&in->writers) == 0 ? OK : EAGAIN;
	u32 at = atomic32_load_relaxed(&in->tail), used = pipe_used(in);
	for (u32 i = 0; i < used && *moved < len && !pipe_full(out); i++)
		*moved += share ? slot_share(pipe_slot(in, at + i), out, len - *moved) : slot_move(in, out, len - *moved);
	return *moved != 0 ? OK : EAGAIN;
}

static err_t
splice_pipes(struct pipe *in, struct pipe *out, u64 len, u32 flags, bool share, u64 *scoped moved)
{
	u32 wait = (flags & SPLICE_F_NONBLOCK) != 0 ? O_NONBLOCK : 0;
	for (;;) {
		TRY(pipe_wait_readable(in, wait));
		TRY(pipe_wait_writable(out, wait));
		pipes_lock(in, out);
		bool was_full = pipe_full(in), was_empty = pipe_empty(out);
		err_t err = pipes_move(in, out, len, share, moved);
		pipes_unlock(in, out);
		pipe_tell_readers(out, was_empty);
		if (!share)
			pipe_tell_writers(in, was_full);
		if (err == EPIPE)
			return pipe_broken();
		if (err != EAGAIN || wait != 0)
			return err;
	}
}

/** The page of the file at `at`, with a reference, and what of it may be had. => *len 0: the file's end */
static err_t
cache_page(struct file *in, u64 at, u64 *scoped len, struct frame **scoped out)
{
	struct vm_object *pages = in->inode->pages;
	u64 size = vm_object_size(pages);
	*len = at >= size ? 0 : MIN(MIN(*len, size - at), PAGE_SIZE - at % PAGE_SIZE);
	return *len != 0 ? vm_object_get_page(pages, at / PAGE_SIZE, out) : OK;
}

/** Shares pages of the page cache. The pipe is locked. */
static err_t
share_cache(struct file *in, u64 at, struct pipe *pipe, u64 len, u64 *scoped moved) MUST_HOLD(&pipe->lock)
{
	while (*moved < len && !pipe_full(pipe)) {
		struct frame *frame = nullptr;
		u64 n = len - *moved;
		TRY(cache_page(in, at + *moved, &n, &frame));
		if (n == 0)
			return OK;
		pipe_push(pipe, frame, (u32)((at + *moved) % PAGE_SIZE), (u32)n, false);
		*moved += n;
	}
	return OK;
}

/** Reads once, at most a page, and puts that into the pipe. */
static err_t
copy_in_page(struct file *in, struct splice_place *scoped place, struct pipe *pipe, u64 len, u32 flags, u64 *scoped moved)
{
	REF_SCOPE(byte_array, buffer);
	buffer = byte_array_alloc(PAGE_SIZE);
	if (buffer == nullptr)
		return ENOMEM;
	struct uio uio = uio_kernel(buffer, 0, MIN(len, PAGE_SIZE));
	u32 wait = (flags & SPLICE_F_NONBLOCK) != 0 ? O_NONBLOCK : 0;
	TRY(file_read_at(in, &uio, place->at, wait, moved));
	if (*moved == 0)
		return OK;
	MUTEX_SCOPE(&pipe->lock);
	struct frame *frame = frame_alloc_filled(bytes_const(bytes_sub(byte_array_bytes(buffer), 0, *moved)));
	if (frame == nullptr)
		return ENOMEM;
	if (pipe_full(pipe)) {
		frame_put(frame);
		return EAGAIN;
	}
	pipe_push(pipe, frame, 0, (u32)*moved, true);
	return OK;
}

err_t
splice_file_to_pipe(struct file *in, struct splice_place *scoped place, struct pipe *pipe, u64 len, u32 flags, u64 *scoped moved)
{
	TRY(pipe_wait_writable(pipe, (flags & SPLICE_F_NONBLOCK) != 0 ? O_NONBLOCK : 0));
	if (atomic32_load(&pipe->readers) == 0)
		return pipe_broken();
	bool was_empty = pipe_empty(pipe);
	err_t err = OK;
	if (in->ops == &page_file_ops && in->inode != nullptr && in->inode->pages != nullptr) {
		MUTEX_SCOPE(&pipe->lock);
		err = share_cache(in, place->at, pipe, len, moved);
	} else {
		err = copy_in_page(in, place, pipe, len, flags, moved);
	}
	place->at += *moved;
	pipe_tell_readers(pipe, was_empty);
	return *moved != 0 ? OK : err;
}

/** The oldest bytes of the pipe, copied into the buffer, not taken off. */
static u32
pipe_look(struct pipe *pipe, struct byte_array *buffer, u64 len)
{
	MUTEX_SCOPE(&pipe->lock);
	if (pipe_empty(pipe))
		return 0;
	struct pipe_buffer *slot = pipe_slot(pipe, atomic32_load_relaxed(&pipe->tail));
	u32 n = (u32)MIN(len, (u64)slot->len);
	frame_read(slot->frame, slot->off, bytes_sub(byte_array_bytes(buffer), 0, n));
	return n;
}

static void
pipe_take(struct pipe *pipe, u64 n)
{
	bool was_full = false;
	{
		MUTEX_SCOPE(&pipe->lock);
		was_full = pipe_full(pipe);
		while (n != 0 && !pipe_empty(pipe)) {
			u32 part = (u32)MIN(n, (u64)pipe_slot(pipe, atomic32_load_relaxed(&pipe->tail))->len);
			pipe_consume(pipe, part);
			n -= part;
		}
	}
	pipe_tell_writers(pipe, was_full);
}

static err_t
splice_pipe_to_file(struct pipe *pipe, struct file *out, struct splice_place *scoped place, u64 len, u32 flags, u64 *scoped moved)
{
	REF_SCOPE(byte_array, buffer);
	buffer = byte_array_alloc(PAGE_SIZE);
	if (buffer == nullptr)
		return ENOMEM;
	TRY(pipe_wait_readable(pipe, (flags & SPLICE_F_NONBLOCK) != 0 ? O_NONBLOCK : 0));
	while (*moved < len) {
		u32 n = pipe_look(pipe, buffer, len - *moved);
		u64 written = 0;
		if (n == 0)
			return OK;
		struct uio uio = uio_kernel(buffer, 0, n);
		err_t err = place->given ? file_write_at(out, &uio, place->at, 0, &written) : file_write(out, &uio, &written);
		pipe_take(pipe, written);
		*moved += written;
		place->at += written;
		if (err != OK || written < n)
			return *moved != 0 ? OK : err;
	}
	return OK;
}

static err_t
place_read(struct splice_place *scoped place, uaddr_t at, struct file *file)
{
	place->given = at.raw != 0;
	if (!place->given) {
		place->at = file->position;
		return OK;
	}
	i64 off = 0;
	TRY(copy_in_value(off, at));
	if (off < 0)
		return EINVAL;
	place->at = (u64)off;
	return (file->mode & FILE_POSITIONED) != 0 ? OK : EINVAL;
}

static err_t
place_write(const struct splice_place *scoped place, uaddr_t at, struct file *file, bool own_position)
{
	if (place->given)
		return copy_out_value(at, place->at);
	if (own_position && (file->mode & FILE_SEEKABLE) != 0)
		file->position = place->at;
	return OK;
}

static err_t
splice_files(struct file *in, uaddr_t off_in, struct file *out, uaddr_t off_out, u64 len, u32 flags, u64 *scoped result)
{
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	if ((from != nullptr && off_in.raw != 0) || (to != nullptr && off_out.raw != 0))
		return ESPIPE;
	if ((in->mode & FILE_READ) == 0 || (out->mode & FILE_WRITE) == 0)
		return EBADF;
	if (from != nullptr && to != nullptr) {
		if (from == to)
			return EINVAL;
		if (((atomic32_load(&in->flags) | atomic32_load(&out->flags)) & O_NONBLOCK) != 0)
			flags |= SPLICE_F_NONBLOCK;
		return splice_pipes(from, to, len, flags, false, result);
	}
	struct splice_place place = {};
	if (from != nullptr) {
		TRY(place_read(&place, off_out, out));
		if ((atomic32_load(&out->flags) & O_APPEND) != 0)
			return EINVAL;
		TRY(splice_pipe_to_file(from, out, &place, len, flags, result));
		return place_write(&place, off_out, out, false);
	}
	if (to == nullptr)
		return EINVAL;
	TRY(place_read(&place, off_in, in));
	if ((atomic32_load(&out->flags) & O_NONBLOCK) != 0)
		flags |= SPLICE_F_NONBLOCK;
	TRY(splice_file_to_pipe(in, &place, to, len, flags, result));
	return place_write(&place, off_in, in, true);
}

err_t
sys_splice(i32 fd_in, uaddr_t off_in, i32 fd_out, uaddr_t off_out, u64 len, u32 flags, u64 *scoped result)
{
	*result = 0;
	if (len == 0)
		return OK;
	if ((flags & ~(u32)SPLICE_F_ALL) != 0)
		return EINVAL;
	REF_SCOPE(file, in);
	REF_SCOPE(file, out);
	TRY(fd_get(fd_in, &in));
	TRY(fd_get(fd_out, &out));
	return splice_files(in, off_in, out, off_out, MIN(len, (u64)UIO_MAX), flags, result);
}

err_t
sys_tee(i32 fd_in, i32 fd_out, u64 len, u32 flags, u64 *scoped result)
{
	*result = 0;
	if ((flags & ~(u32)SPLICE_F_ALL) != 0)
		return EINVAL;
	if (len == 0)
		return OK;
	REF_SCOPE(file, in);
	REF_SCOPE(file, out);
	TRY(fd_get(fd_in, &in));
	TRY(fd_get(fd_out, &out));
	if ((in->mode & FILE_READ) == 0 || (out->mode & FILE_WRITE) == 0)
		return EBADF;
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	if (from == nullptr || to == nullptr || from == to)
		return EINVAL;
	if (((atomic32_load(&in->flags) | atomic32_load(&out->flags)) & O_NONBLOCK) != 0)
		flags |= SPLICE_F_NONBLOCK;
	return splice_pipes(from, to, len, flags, true, result);
}

/** The program's memory is copied: whatever it writes there later does not change what the pipe holds. */
err_t
sys_vmsplice(i32 fd, uaddr_t iov, u64 nr_segs, u32 flags, u64 *scoped result)
{
	*result = 0;
	if ((flags & ~(u32)SPLICE_F_ALL) != 0)
		return EINVAL;
	REF_SCOPE(file, file);
	TRY(fd_get(fd, &file));
	if (pipe_of(file) == nullptr || (file->mode & (FILE_READ | FILE_WRITE)) == 0)
		return EBADF;
	struct uio uio = {};
	TRY(uio_vector(&uio, iov, nr_segs));
	u32 wait = (flags & SPLICE_F_NONBLOCK) != 0 ? O_NONBLOCK : 0;
	err_t err = OK;
	if (uio.left != 0)
		err = (file->mode & FILE_WRITE) != 0 ? file_write_at(file, &uio, 0, wait, result) : file_read_at(file, &uio, 0, wait, result);
	uio_fini(&uio);
	return err;
}
