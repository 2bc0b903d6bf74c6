// SPDX-License-Identifier: MPL-2.0
/**
 * sendfile(2): from a file to a pipe by sharing pages, to all else through a buffer.
 */
#include "splice.h"

#include <signal.h>
#include <syscall_handlers.h>

enum : u32 { SENDFILE_CHUNK = 16 * PAGE_SIZE };

/** One chunk: reads, then writes as much as the other file takes. => *n: bytes written; *whole: all that was read */
static err_t
chunk_copy(struct file *in, u64 at, struct file *out, struct byte_array *buffer, u64 len, u64 *scoped n, bool *scoped whole)
{
	u64 got = 0;
	struct uio uio = uio_kernel(buffer, 0, MIN(len, (u64)byte_array_len(buffer)));
	TRY(file_read_at(in, &uio, at, 0, &got));
	if (got == 0) {
		*whole = false;
		return OK;
	}
	uio = uio_kernel(buffer, 0, got);
	err_t err = file_write(out, &uio, n);
	*whole = *n == got;
	return err;
}

/** Whether a long transfer is to end early: what writes to files goes on for a signal that does not kill, as a write does. */
static bool
transfer_stopped(const struct file *out)
{
	return (out->mode & FILE_SEEKABLE) != 0 ? signal_fatal_pending() : signal_pending();
}

err_t
splice_copy(struct file *in, struct splice_place *scoped from, struct file *out, u64 len, u64 *scoped moved)
{
	REF_SCOPE(byte_array, buffer);
	buffer = byte_array_alloc((u32)MAX(MIN(len, (u64)SENDFILE_CHUNK), (u64)1));
	if (buffer == nullptr)
		return ENOMEM;
	bool whole = true;
	while (*moved < len && whole) {
		u64 n = 0;
		err_t err = chunk_copy(in, from->at, out, buffer, len - *moved, &n, &whole);
		from->at += n;
		*moved += n;
		if (err != OK)
			return *moved != 0 ? OK : err;
		if (transfer_stopped(out))
			return OK;
	}
	return OK;
}

static err_t
sendfile_move(struct file *in, struct splice_place *scoped from, struct file *out, u64 len, u64 *scoped moved)
{
	struct pipe *pipe = pipe_of(out);
	if (pipe == nullptr)
		return splice_copy(in, from, out, len, moved);
	u32 flags = (atomic32_load(&out->flags) & O_NONBLOCK) != 0 ? SPLICE_F_NONBLOCK : 0;
	while (*moved < len) {
		u64 n = 0;
		err_t err = splice_file_to_pipe(in, from, pipe, len - *moved, flags, &n);
		*moved += n;
		if (err != OK || n == 0)
			return *moved != 0 ? OK : err;
	}
	return OK;
}

err_t
sys_sendfile(i32 out_fd, i32 in_fd, uaddr_t offset, u64 count, u64 *scoped result)
{
	*result = 0;
	struct splice_place from = { .given = offset.raw != 0 };
	i64 off = 0;
	if (from.given)
		TRY(copy_in_value(off, offset));
	REF_SCOPE(file, in);
	REF_SCOPE(file, out);
	TRY(fd_get(in_fd, &in));
	if ((in->mode & FILE_READ) == 0)
		return EBADF;
	if (from.given && (in->mode & FILE_POSITIONED) == 0)
		return ESPIPE;
	if (from.given && off < 0)
		return EINVAL;
	TRY(fd_get(out_fd, &out));
	if ((out->mode & FILE_WRITE) == 0)
		return EBADF;
	if ((in->mode & FILE_SEEKABLE) == 0 || (atomic32_load(&out->flags) & O_APPEND) != 0)
		return EINVAL;
	from.at = from.given ? (u64)off : in->position;
	err_t err = sendfile_move(in, &from, out, MIN(count, (u64)UIO_MAX), result);
	thread_count_read(*result);
	thread_count_written(*result);
	TRY(err);
	if (from.given)
		return copy_out_value(offset, from.at);
	in->position = from.at;
	return OK;
}
