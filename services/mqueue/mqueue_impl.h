// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of POSIX message queues: a queue, its messages and who waits.
 *
 * Invariant: receivers wait only while there is no message, senders only while the queue is full. A message that comes goes to the first
 * receiver at once; a place that gets free is filled by the first sender's message.
 *
 * Lock order: mqueue.lock → poll queue, signal's locks.
 */
#pragma once

#include <cadre/list.h>
#include <cadre/rbtree.h>
#include <cadre/spin.h>

#include <inode.h>
#include <poll.h>
#include <signal.h>

#include "mqueue.h"

enum : u32 { MQ_PRIO_MAX = 32768 };

/** struct mq_attr of x86-64. Plain data. */
struct mq_attr { i64 flags, maxmsg, msgsize, curmsgs, reserved[4]; };

struct mq_message {
	u32 priority;
	u64 number;                         /* order of arrival */
	u64 len;
	struct byte_array *text;            /* [const] counted; null where len is 0 */
	RBTREE_LINK(struct mq_message) link;
};
OBJECT_DECLARE(mq_message);

/** The highest priority first, of equals the first that came. */
static inline int
mq_message_compare(const struct mq_message *scoped a, const struct mq_message *scoped b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}
RBTREE_OF(mq_tree, struct mq_message, link, mq_message_compare);

struct mq_waiter {
	struct wait_queue wait;
	struct atomic32 done;               /* 1: off its list, and the rest is set */
	err_t err;
	struct mq_message *message;         /* counted: a sender's until it is taken, a receiver's once it is given */
	LIST_LINK(struct mq_waiter) link;
};
OBJECT_DECLARE(mq_waiter);
LIST_OF(mq_waiters, struct mq_waiter, link);

enum : i32 { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD };
/** Who is told of the next message in an empty queue. */
struct mq_notice { struct process *owner; /* counted; null: nobody */ i32 kind; u32 signal; u64 value; };

struct mqueue {
	u64 maxmsg, msgsize;                /* [const] */
	struct user_account *user;          /* [const] counted: whose RLIMIT_MSGQUEUE it is in */
	u64 charged;                        /* [const] bytes of that */
	struct spin_lock lock;
	struct mq_tree messages GUARDED_BY(&lock);
	u64 count GUARDED_BY(&lock);        /* of messages */
	u64 bytes GUARDED_BY(&lock);        /* in them */
	u64 numbers GUARDED_BY(&lock);
	struct mq_waiters receivers GUARDED_BY(&lock);
	struct mq_waiters senders GUARDED_BY(&lock);
	struct mq_notice notice GUARDED_BY(&lock);
	struct poll_queue poll;
};
OBJECT_DECLARE(mqueue);

extern const struct file_ops mqueue_file_ops;

/** The queue behind an open file. => EBADF: it is none */
err_t mqueue_of(struct file *file, struct mqueue **scoped out);
/** A new queue of the running thread's user. `attr` null: as the limits say. => EINVAL, EMFILE (RLIMIT_MSGQUEUE), ENOMEM */
err_t mqueue_create(const struct mq_attr *scoped attr, struct mqueue **scoped out);
/** Nobody is told any more. The process is the caller's to put. */
struct process *mqueue_notice_end(struct mqueue *queue) MUST_HOLD(&queue->lock);
