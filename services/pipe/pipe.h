// SPDX-License-Identifier: MPL-2.0
/**
 * Pipes: rings of pieces of frames between writers and readers (pipe(7)).
 *
 * A slot of the ring is one frame with an offset and a length. A slot that has been read keeps its frame for the next writer, and
 * the ring is turned back when it becomes empty: so a pipe that carries small messages uses one frame for ever, and one that streams
 * allocates as many frames as it has slots. What a pipe keeps so is what its user is charged for.
 *
 * Invariants: (1) tail ≤ head ≤ tail + capacity, counted without end; slots [tail, head) have len > 0. (2) `own`: no other
 * reference to the frame exists, so it may be written to. (3) head, tail, readers and writers change under `lock`; they are atomic
 * so that poll and waits can look at them without it.
 *
 * Lock order: inode.lock → pipe.lock → (user copies) → poll_queue.lock. Two pipes: the lower id first (splice.c).
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/frame.h>
#include <cadre/object.h>
#include <cadre/sync.h>

#include <inode.h>
#include <poll.h>
#include <uio.h>

enum : u32 { PIPE_SLOTS_DEFAULT = 16, PIPE_SLOTS_MIN_DEFAULT = 2, PIPE_BUF = PAGE_SIZE };

struct pipe_buffer {
	struct frame *frame;        /* counted; an empty slot may have one, which it owns */
	u32 off, len;
	bool own;                   /* nobody else has the frame: it may be written to, and stays in the slot */
	bool merge;                 /* bytes may be put behind these */
	bool packet;                /* O_DIRECT: a read ends with it and drops what it does not take */
};
ARRAY_DECLARE(pipe_buffers, struct pipe_buffer);

struct pipe {
	u64 id;                     /* [const] orders the locks of two pipes */
	struct mutex lock;
	struct pipe_buffers *buffers GUARDED_BY(&lock); /* counted; its length is `capacity`, a power of two */
	struct atomic32 head, tail; /* next slot to write, oldest to read; changed under lock */
	struct atomic32 capacity;   /* changed under lock */
	struct atomic32 readers, writers; /* open files; changed under lock */
	struct atomic32 reads_opened, writes_opened; /* how many have ever been; FIFOs wait for these */
	struct atomic32 watched;    /* 1: somebody has polled it: each write is told, as edge-triggered watchers expect */
	struct poll_queue read_queue, write_queue;
	u32 files;                  /* FIFO: open files and opens under way, under inode.lock */
	struct user_account *user;  /* [const] counted: who is charged */
	u32 charged GUARDED_BY(&lock);
};
OBJECT_DECLARE(pipe);

extern const struct file_ops pipe_ops;
extern const struct inode_ops pipe_inode_ops;    /* of an inode for one end of pipe(2)'s: its `pipe` is counted */

/** A new pipe, charged to the running thread's user. => ENFILE, ENOMEM */
err_t pipe_create(struct pipe **scoped out);

/** The pipe behind a file; null: it is none. Without a reference. */
static inline struct pipe *
pipe_of(struct file *file)
{
	return file_is(file, &pipe_ops) ? file->pipe : nullptr;
}

static inline u32 pipe_used(struct pipe *pipe) { return atomic32_load_acquire(&pipe->head) - atomic32_load_acquire(&pipe->tail); }
static inline bool pipe_empty(struct pipe *pipe) { return pipe_used(pipe) == 0; }
static inline bool pipe_full(struct pipe *pipe) { return pipe_used(pipe) >= atomic32_load_relaxed(&pipe->capacity); }
static inline bool pipe_readable(struct pipe *pipe) { return !pipe_empty(pipe) || atomic32_load_acquire(&pipe->writers) == 0; }
static inline bool pipe_writable(struct pipe *pipe) { return !pipe_full(pipe) || atomic32_load_acquire(&pipe->readers) == 0; }

/* --- for splice.c: all with the lock held ------------------------------------------------------------------------ */
struct pipe_buffer *pipe_slot(struct pipe *pipe, u32 index) MUST_HOLD(&pipe->lock);
/** Takes `len` bytes off the oldest slot, whole or in part. */
void pipe_consume(struct pipe *pipe, u32 len) MUST_HOLD(&pipe->lock);
/** Puts bytes of a frame into the next slot; takes over the caller's reference. `own`: the caller had the only one. => the pipe must not be full */
void pipe_push(struct pipe *pipe, struct frame *frame, u32 off, u32 len, bool own) MUST_HOLD(&pipe->lock);
/** Copies from a transfer into the pipe as far as there is room. => EFAULT, ENOMEM; progress is in uio->left */
err_t pipe_fill(struct pipe *pipe, struct uio *scoped uio, bool packet) MUST_HOLD(&pipe->lock);

/** Wait until there is something to read (or no writer), room (or no reader). => EAGAIN with O_NONBLOCK in flags, ERESTARTSYS */
err_t pipe_wait_readable(struct pipe *pipe, u32 flags);
err_t pipe_wait_writable(struct pipe *pipe, u32 flags);
/** Tell the other side, after the lock has been released: the ring was empty (full) before. */
void pipe_tell_readers(struct pipe *pipe, bool was_empty);
void pipe_tell_writers(struct pipe *pipe, bool was_full);

/** The limits of /proc/sys/fs: pipe-max-size, pipe-user-pages-soft, pipe-user-pages-hard. => EINVAL where a value is refused */
enum pipe_limit : u32 { PIPE_LIMIT_SIZE, PIPE_LIMIT_USER_SOFT, PIPE_LIMIT_USER_HARD, PIPE_LIMIT_COUNT };
u64 pipe_limit(enum pipe_limit limit);
err_t pipe_limit_set(enum pipe_limit limit, u64 value);

/** F_SETPIPE_SZ. => EINVAL, EPERM, EBUSY, ENOMEM */
err_t pipe_resize(struct pipe *pipe, u64 size);
/** Charges a user for `now` slots where it was `old`. => false: over a limit for unprivileged users; nothing charged then. `hard_only`: the soft limit does not count. */
bool pipe_user_charge(struct user_account *user, u32 old, u32 now, bool hard_only);

void pipe_limits_init(void);     /* pipe_user.c; for pipe_init */
void pipe_init(void);
