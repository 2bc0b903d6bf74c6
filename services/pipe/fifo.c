// SPDX-License-Identifier: MPL-2.0
/**
 * FIFOs: pipes that are found by a name; opening one waits for the other side (fifo(7)).
 */
#include "pipe.h"

#include <thread.h>

/** An inode of one end of pipe(2)'s, as /proc/PID/fd leads to it: it keeps its pipe. */
static inline bool
inode_is_end(const struct inode *inode)
{
	return inode->ops == &pipe_inode_ops;
}

/** The inode's pipe, made where there is none, counted in `files`; with a reference. */
static err_t
fifo_pipe(struct inode *inode, struct pipe **scoped out)
{
	RW_WRITE_SCOPE(&inode->lock);
	struct pipe *pipe = nullptr;
	if (inode_is_end(inode)) {
		*out = pipe_from(inode->pipe);
		pipe_get(*out);
		return OK;
	}
	if (inode->pipe != nullptr) {
		pipe = pipe_from(inode->pipe);
		pipe_get(pipe);
	} else {
		TRY(pipe_create(&pipe));
		inode->pipe = pipe_object(pipe);
	}
	pipe->files += 1;
	*out = pipe;
	return OK;
}

static void
fifo_leave(struct inode *inode, struct pipe *pipe)
{
	if (!inode_is_end(inode)) {
		RW_WRITE_SCOPE(&inode->lock);
		pipe->files -= 1;
		if (pipe->files == 0)
			inode->pipe = nullptr;
	}
	pipe_put(pipe);
}

/** Counts the opener in. `fifo`: it meets the other side. => how many of that are there already, or null where it need not wait */
static err_t
fifo_enter(struct pipe *pipe, struct file *file, bool fifo, struct atomic32 **scoped partner, u32 *scoped seen)
{
	MUTEX_SCOPE(&pipe->lock);
	u32 mode = file->mode & (FILE_READ | FILE_WRITE);
	bool nonblock = (atomic32_load(&file->flags) & O_NONBLOCK) != 0;
	bool readers = atomic32_load(&pipe->readers) != 0, writers = atomic32_load(&pipe->writers) != 0;
	if (mode == FILE_WRITE && nonblock && !readers)
		return ENXIO;
	if ((mode & FILE_READ) != 0) {
		(void)atomic32_add(&pipe->reads_opened, 1);
		(void)atomic32_add(&pipe->readers, 1);
	}
	if ((mode & FILE_WRITE) != 0) {
		(void)atomic32_add(&pipe->writes_opened, 1);
		(void)atomic32_add(&pipe->writers, 1);
	}
	if (!fifo)
		return OK;
	if (mode == FILE_READ && !writers) {
		*seen = atomic32_load(&pipe->writes_opened);
		if (nonblock)
			atomic64_store(&file->version, *seen);
		else
			*partner = &pipe->writes_opened;
	} else if (mode == FILE_WRITE && !readers) {
		*seen = atomic32_load(&pipe->reads_opened);
		*partner = &pipe->reads_opened;
	}
	return OK;
}

static void
fifo_unenter(struct pipe *pipe, u32 mode)
{
	{
		MUTEX_SCOPE(&pipe->lock);
		if ((mode & FILE_READ) != 0)
			(void)atomic32_sub(&pipe->readers, 1);
		if ((mode & FILE_WRITE) != 0)
			(void)atomic32_sub(&pipe->writers, 1);
	}
	(void)wake_all(&pipe->read_queue.wait);
	(void)wake_all(&pipe->write_queue.wait);
}

static err_t
fifo_open(struct inode *inode, struct file *file)
{
	struct pipe *pipe = nullptr;
	TRY(fifo_pipe(inode, &pipe));
	struct atomic32 *partner = nullptr;
	u32 seen = 0;
	/* No hang-up for a reader that came before the first writer is told by a version that no count has. */
	atomic64_store(&file->version, ~(u64)0);
	err_t err = fifo_enter(pipe, file, !inode_is_end(inode), &partner, &seen);
	if (err == OK) {
		/* Both sides wait at the read queue until they have met. */
		(void)wake_all(&pipe->read_queue.wait);
		if (partner != nullptr)
			err = restartable(WAIT_UNTIL(&pipe->read_queue.wait, atomic32_load(partner) != seen, WAIT_INTERRUPTIBLE,
			                             TIME_NEVER));
		if (err != OK)
			fifo_unenter(pipe, file->mode);
	}
	if (err != OK) {
		fifo_leave(inode, pipe);
		return err;
	}
	file->ops = &pipe_ops;
	file->private = pipe_object(pipe);
	file->pipe = pipe;
	return OK;
}

void
pipe_init(void)
{
	pipe_limits_init();
	fifo_register(fifo_open);
}
