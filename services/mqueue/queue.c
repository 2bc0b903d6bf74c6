// SPDX-License-Identifier: MPL-2.0
/**
 * POSIX message queues: making them, sending and receiving.
 */
#include <clock.h>
#include <syscall_handlers.h>

#include "mqueue_impl.h"

/* What Linux counts for each message and each priority in use, beside the bytes (mq_overview(7)). */
enum : u64 { MESSAGE_OVERHEAD = 48, PRIORITY_OVERHEAD = 48 };

struct mqueue_limits mqueue_limits;

static void
mq_message_release(struct mq_message *message)
{
	if (message->text != nullptr)
		byte_array_put(message->text);
}
OBJECT_DEFINE_RELEASE(mq_message);

static void
mq_waiter_release(struct mq_waiter *waiter)
{
	if (waiter->message != nullptr)
		mq_message_put(waiter->message);
}
OBJECT_DEFINE_RELEASE(mq_waiter);

static void
mqueue_release(struct mqueue *queue) NO_THREAD_SAFETY("nobody else has it any more")
{
	for (struct mq_message *message = mq_tree_first(&queue->messages); message != nullptr; message = mq_tree_first(&queue->messages)) {
		mq_tree_remove(&queue->messages, message);
		mq_message_put(message);
	}
	if (queue->notice.owner != nullptr)
		process_put(queue->notice.owner);
	if (queue->user == nullptr)
		return;
	(void)atomic64_sub(&queue->user->message_bytes, queue->charged);
	user_account_put(queue->user);
}
OBJECT_DEFINE_RELEASE(mqueue);

/* --- making --- */

static err_t
attr_check(const struct mq_attr *scoped attr)
{
	bool may = capable(CAP_SYS_RESOURCE);
	i64 most = may ? MQ_HARD_MSG_MAX : atomic32_load_relaxed(&mqueue_limits.msg_max);
	i64 largest = may ? MQ_HARD_MSGSIZE_MAX : atomic32_load_relaxed(&mqueue_limits.msgsize_max);
	if (attr->maxmsg <= 0 || attr->msgsize <= 0 || attr->maxmsg > most || attr->msgsize > largest)
		return EINVAL;
	return OK;
}

err_t
mqueue_create(const struct mq_attr *scoped attr, struct mqueue **scoped out)
{
	REF_SCOPE(mqueue, queue);
	if (attr != nullptr)
		TRY(attr_check(attr));
	queue = mqueue_alloc();
	if (queue == nullptr)
		return ENOMEM;
	struct mqueue_limits *limits = &mqueue_limits;
	queue->maxmsg = attr != nullptr ? (u64)attr->maxmsg : MIN(atomic32_load(&limits->msg_max), atomic32_load(&limits->msg_default));
	queue->msgsize = attr != nullptr ? (u64)attr->msgsize : MIN(atomic32_load(&limits->msgsize_max), atomic32_load(&limits->msgsize_default));
	queue->charged = queue->maxmsg * (queue->msgsize + MESSAGE_OVERHEAD) + MIN(queue->maxmsg, (u64)MQ_PRIO_MAX) * PRIORITY_OVERHEAD;
	queue->user = user_account_current_get();
	if (user_count_add(&queue->user->message_bytes, queue->charged) > rlimit_current(RLIMIT_MSGQUEUE))
		return EMFILE;
	*out = queue;
	queue = nullptr;
	return OK;
}

/* --- notice --- */

struct process *
mqueue_notice_end(struct mqueue *queue)
{
	struct process *owner = queue->notice.owner;
	queue->notice = (struct mq_notice){};
	return owner;
}

/** A message came into the empty queue. */
static void
notice_send(struct mqueue *queue) MUST_HOLD(&queue->lock)
{
	struct mq_notice notice = queue->notice;
	if (notice.owner == nullptr)
		return;
	if (notice.kind == SIGEV_SIGNAL && notice.signal != 0) {
		struct signal_info info = { .number = notice.signal, .code = SI_MESGQ, .pid = process_current()->pid, .uid = cred_current()->uid,
			.value = notice.value };
		(void)!signal_send_process(notice.owner, notice.signal, &info);
	}
	process_put(mqueue_notice_end(queue));
}

/* --- messages come and go --- */

static void
waiter_finish(struct mq_waiters *list, struct mq_waiter *waiter, err_t err)
{
	mq_waiters_remove(list, waiter);
	waiter->err = err;
	atomic32_store(&waiter->done, 1);
	(void)wake_all(&waiter->wait);
}

static void
message_insert(struct mqueue *queue, struct mq_message *message) MUST_HOLD(&queue->lock)
{
	queue->numbers += 1;
	message->number = queue->numbers;
	(void)mq_tree_insert(&queue->messages, message);
	queue->count += 1;
	queue->bytes += message->len;
}

/** Takes over the message. There is room, or somebody waits for it. */
static void
message_enter(struct mqueue *queue, struct mq_message *message) MUST_HOLD(&queue->lock)
{
	struct mq_waiter *receiver = mq_waiters_first(&queue->receivers);
	if (receiver != nullptr) {
		receiver->message = message;
		waiter_finish(&queue->receivers, receiver, OK);
		return;
	}
	message_insert(queue, message);
	if (queue->count == 1)
		notice_send(queue);
	poll_wake(&queue->poll, POLL_IN | POLL_RDNORM);
}

/** The first message; the reference is the caller's. A waiting sender's comes in its place. */
static struct mq_message *
message_take(struct mqueue *queue) MUST_HOLD(&queue->lock)
{
	struct mq_message *message = mq_tree_first(&queue->messages);
	struct mq_waiter *sender = mq_waiters_first(&queue->senders);
	mq_tree_remove(&queue->messages, message);
	queue->count -= 1;
	queue->bytes -= message->len;
	if (sender == nullptr) {
		poll_wake(&queue->poll, POLL_OUT | POLL_WRNORM);
		return message;
	}
	message_insert(queue, sender->message);
	sender->message = nullptr;
	if (queue->count == 1)
		notice_send(queue);
	waiter_finish(&queue->senders, sender, OK);
	return message;
}

/** => what became of it; a sender's message that was not taken stays in the waiter */
static err_t
waiter_sleep(struct mqueue *queue, struct mq_waiters *list, struct mq_waiter *waiter, u64 deadline)
{
	err_t err = WAIT_UNTIL(&waiter->wait, atomic32_load(&waiter->done) != 0, WAIT_INTERRUPTIBLE, deadline);
	/* Whoever ends the wait has left it when the lock is free. */
	SPIN_SCOPE(&queue->lock);
	if (atomic32_load(&waiter->done) == 0)
		waiter_finish(list, waiter, restartable(err));
	return waiter->err;
}

/** A call's file, time limit and queue. */
struct mq_call { struct file *file; struct mqueue *queue; u64 deadline; };

static bool
call_waits(const struct mq_call *scoped call)
{
	return (atomic32_load_relaxed(&call->file->flags) & O_NONBLOCK) == 0;
}

/* --- sending --- */

/** Takes over the message where that is OK. *out: who has to wait; he has the message then. */
static err_t
send_start(const struct mq_call *scoped call, struct mq_message *message, struct mq_waiter **scoped out)
{
	struct mqueue *queue = call->queue;
	SPIN_SCOPE(&queue->lock);
	if (queue->count < queue->maxmsg) {
		message_enter(queue, message);
		return OK;
	}
	if (!call_waits(call))
		return EAGAIN;
	struct mq_waiter *waiter = mq_waiter_alloc();
	if (waiter == nullptr)
		return ENOMEM;
	waiter->message = message;
	mq_waiters_push_back(&queue->senders, waiter);
	*out = waiter;
	return OK;
}

static err_t
message_copy_in(uaddr_t text, u64 len, u32 priority, struct mq_message **scoped out)
{
	REF_SCOPE(mq_message, message);
	message = mq_message_alloc();
	if (message == nullptr)
		return ENOMEM;
	message->priority = priority;
	message->len = len;
	TRY(copy_in_array(text, len, &message->text));
	*out = message;
	message = nullptr;
	return OK;
}

static err_t
call_send(struct mq_call *scoped call, uaddr_t text, u64 len, u32 priority)
{
	REF_SCOPE(mq_message, message);
	REF_SCOPE(mq_waiter, waiter);
	struct mq_message *made = nullptr;
	struct mq_waiter *waits = nullptr;
	TRY(mqueue_of(call->file, &call->queue));
	if ((call->file->mode & FILE_WRITE) == 0)
		return EBADF;
	if (len > call->queue->msgsize)
		return EMSGSIZE;
	TRY(message_copy_in(text, len, priority, &made));
	message = made;
	TRY(send_start(call, message, &waits));
	message = nullptr;
	waiter = waits;
	inode_touch(call->file->inode, true);
	return waiter != nullptr ? waiter_sleep(call->queue, &call->queue->senders, waiter, call->deadline) : OK;
}

/* --- receiving --- */

static err_t
receive_start(const struct mq_call *scoped call, struct mq_message **scoped message, struct mq_waiter **scoped out)
{
	struct mqueue *queue = call->queue;
	SPIN_SCOPE(&queue->lock);
	if (queue->count != 0) {
		*message = message_take(queue);
		return OK;
	}
	if (!call_waits(call))
		return EAGAIN;
	struct mq_waiter *waiter = mq_waiter_alloc();
	if (waiter == nullptr)
		return ENOMEM;
	mq_waiters_push_back(&queue->receivers, waiter);
	*out = waiter;
	return OK;
}

static err_t
message_wait(struct mq_call *scoped call, struct mq_message **scoped out)
{
	REF_SCOPE(mq_waiter, waiter);
	struct mq_waiter *waits = nullptr;
	TRY(receive_start(call, out, &waits));
	waiter = waits;
	if (waiter == nullptr)
		return OK;
	TRY(waiter_sleep(call->queue, &call->queue->receivers, waiter, call->deadline));
	*out = waiter->message;
	waiter->message = nullptr;
	return OK;
}

static err_t
call_receive(struct mq_call *scoped call, uaddr_t text, u64 len, uaddr_t priority, u64 *scoped result)
{
	REF_SCOPE(mq_message, message);
	struct mq_message *received = nullptr;
	TRY(mqueue_of(call->file, &call->queue));
	if ((call->file->mode & FILE_READ) == 0)
		return EBADF;
	if (len < call->queue->msgsize)
		return EMSGSIZE;
	TRY(message_wait(call, &received));
	message = received;
	inode_touch(call->file->inode, false);
	*result = message->len;
	if (priority.raw != 0)
		TRY(copy_out_value(priority, message->priority));
	return message->len != 0 ? copy_out(text, bytes_const(byte_array_bytes(message->text))) : OK;
}

/* --- the calls --- */

/** When a wait for real time is over. => EFAULT, EINVAL */
static err_t
deadline_copy_in(uaddr_t timeout, u64 *scoped deadline)
{
	struct timespec time = {};
	*deadline = TIME_NEVER;
	if (timeout.raw == 0)
		return OK;
	TRY(copy_in_value(time, timeout));
	if (!timespec_valid(time))
		return EINVAL;
	*deadline = clock_deadline_of_realtime(timespec_to_ns(time));
	return OK;
}

err_t
sys_mq_timedsend(i32 mqdes, uaddr_t msg, u64 len, u32 prio, uaddr_t timeout)
{
	struct fd_hold hold = {};
	struct mq_call call = {};
	TRY(deadline_copy_in(timeout, &call.deadline));
	if (prio >= MQ_PRIO_MAX)
		return EINVAL;
	TRY(fd_borrow(mqdes, &hold));
	call.file = hold.file;
	err_t err = call_send(&call, msg, len, prio);
	fd_return(&hold);
	return err;
}

err_t
sys_mq_timedreceive(i32 mqdes, uaddr_t msg, u64 len, uaddr_t prio, uaddr_t timeout, u64 *scoped result)
{
	struct fd_hold hold = {};
	struct mq_call call = {};
	TRY(deadline_copy_in(timeout, &call.deadline));
	TRY(fd_borrow(mqdes, &hold));
	call.file = hold.file;
	err_t err = call_receive(&call, msg, len, prio, result);
	fd_return(&hold);
	return err;
}
