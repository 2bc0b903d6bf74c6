// SPDX-License-Identifier: MPL-2.0
/**
 * pipe(2) and pipe2(2).
 */
#include "pipe.h"

#include <syscall_handlers.h>

/** One end: a file of its own, counted in the pipe. */
static err_t
pipe_end(struct pipe *pipe, u32 mode, u32 flags, struct file **scoped out)
{
	struct file *file = nullptr;
	TRY(file_create(&pipe_ops, pipe_object(pipe), flags, mode, KIND_PIPE, &file));
	pipe_get(pipe);     /* the file's own; the caller keeps its reference */
	file->pipe = pipe;
	if ((mode & FILE_READ) != 0)
		(void)atomic32_add(&pipe->readers, 1);
	else
		(void)atomic32_add(&pipe->writers, 1);
	atomic64_store(&file->version, ~(u64)0);
	*out = file;
	return OK;
}

err_t
sys_pipe2(uaddr_t fds, u32 flags)
{
	if ((flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0)
		return EINVAL;
	bool cloexec = (flags & O_CLOEXEC) != 0;
	u32 keep = flags & ~(u32)O_CLOEXEC;
	REF_SCOPE(pipe, pipe);
	REF_SCOPE(file, reader);
	REF_SCOPE(file, writer);
	TRY(pipe_create(&pipe));
	TRY(pipe_end(pipe, FILE_READ, O_RDONLY | (keep & O_NONBLOCK), &reader));
	TRY(pipe_end(pipe, FILE_WRITE, O_WRONLY | keep, &writer));
	writer->ino = reader->ino;
	i32 pair[2] = { -1, -1 };
	TRY(fd_reserve(0, cloexec, ELEM(pair, 0)));
	err_t err = fd_reserve(0, cloexec, ELEM(pair, 1));
	if (err == OK)
		err = copy_out_value(fds, pair);
	if (err != OK) {
		fd_unreserve(pair[0]);
		if (pair[1] >= 0)
			fd_unreserve(pair[1]);
		return err;
	}
	fd_fill(pair[0], reader);
	fd_fill(pair[1], writer);
	return OK;
}

err_t
sys_pipe(uaddr_t fds)
{
	return sys_pipe2(fds, 0);
}
