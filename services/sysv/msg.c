// SPDX-License-Identifier: MPL-2.0
/**
 * System V messages: msgget(2), msgsnd(2), msgrcv(2) and msgctl(2).
 *
 * A message goes to the first waiting receiver that wants its type, else to the end of the queue. A sender that finds the queue full sleeps
 * until it fits and tries again.
 */
#include <cadre/list.h>
#include <cadre/spin.h>

#include <syscall_handlers.h>

#include "ipc.h"
#include "sysv.h"

enum : u32 {
	MSG_NOERROR = 010000, MSG_EXCEPT = 020000, MSG_COPY = 040000, MSG_STAT = 11, MSG_INFO = 12, MSG_STAT_ANY = 13,
	MSG_COMMANDS = 14, MSGSSZ = 16, MSGSEG = 0xffff,
};

/* As programs see them (asm/msgbuf.h, linux/msg.h), plain data. */
struct msqid_ds { struct ipc_perm perm; i64 stime, rtime, ctime; u64 cbytes, qnum, qbytes; i32 lspid, lrpid; u64 unused[2]; };
struct msginfo { i32 msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql; u16 msgseg, pad; };
static_assert(sizeof(struct msqid_ds) == 120 && sizeof(struct msginfo) == 32);

struct message {
	i64 type;
	u64 len;
	struct byte_array *text;            /* [const] counted */
	LIST_LINK(struct message) link;
};
static void
message_release(struct message *message)
{
	if (message->text != nullptr)
		byte_array_put(message->text);
}
OBJECT_DECLARE(message);
OBJECT_DEFINE_RELEASE(message);
LIST_OF(message_list, struct message, link);

/** What a receiver asks for. */
enum msg_match : u32 { MSG_ANY, MSG_EQUAL, MSG_NOT_EQUAL, MSG_UP_TO, MSG_NUMBER };
struct msg_want { enum msg_match match; i64 type; u64 room; };

struct msg_receiver {
	struct wait_queue wait;
	struct atomic32 done;               /* 1: off the list, and the following is set */
	err_t err;                          /* EAGAIN: look again */
	struct message *message;            /* counted */
	struct msg_want want;               /* [const] */
	i32 pid;                            /* [const] */
	LIST_LINK(struct msg_receiver) link;
};
OBJECT_DECLARE(msg_receiver);
OBJECT_DEFINE(msg_receiver);
LIST_OF(msg_receivers, struct msg_receiver, link);

struct msg_queue {
	struct ipc ipc;
	struct spin_lock lock;
	bool removed GUARDED_BY(&lock);
	u32 changes GUARDED_BY(&lock);      /* counts IPC_SET, after which senders look again */
	struct msqid_ds ds GUARDED_BY(&lock);   /* but for perm */
	struct message_list messages GUARDED_BY(&lock);
	struct msg_receivers receivers GUARDED_BY(&lock);
	struct wait_queue senders;
};
static void
msg_queue_release(struct msg_queue *queue) NO_THREAD_SAFETY("nobody else has it any more")
{
	LIST_FOR_REMOVING(message_list, message, &queue->messages) {
		message_list_remove(&queue->messages, message);
		message_put(message);
	}
}
OBJECT_DECLARE(msg_queue);
OBJECT_DEFINE_RELEASE(msg_queue);

static struct ipc_table msg_table = { .max = MSGMNI };

/** With a reference. => EINVAL */
static err_t
queue_find(i32 id, bool by_index, struct msg_queue **scoped out)
{
	RCU_SCOPE();
	struct ipc *ipc = by_index ? ipc_at(&msg_table, id) : ipc_by_id(&msg_table, id);
	if (ipc == nullptr)
		return EINVAL;
	*out = msg_queue_from(ipc->owner);
	msg_queue_get(*out);
	return OK;
}

/* --- msgget --- */

static err_t
queue_create(i32 key, u32 flags, i32 *scoped id) MUST_HOLD(&msg_table.lock)
{
	REF_SCOPE(msg_queue, queue);
	queue = msg_queue_alloc();
	if (queue == nullptr)
		return ENOMEM;
	{
		SPIN_SCOPE(&queue->lock);
		queue->ds.ctime = ipc_now();
		queue->ds.qbytes = MSGMNB;
	}
	ipc_init(&queue->ipc, msg_queue_object(queue), key, flags);
	TRY(ipc_enter(&msg_table, &queue->ipc));
	*id = queue->ipc.id;
	queue = nullptr;
	return OK;
}

err_t
sys_msgget(i32 key, u32 flags, u64 *scoped result)
{
	i32 id = 0;
	MUTEX_SCOPE(&msg_table.lock);
	struct ipc *ipc = ipc_by_key(&msg_table, key);
	if (ipc == nullptr && key != IPC_PRIVATE && (flags & IPC_CREAT) == 0)
		return ENOENT;
	if (ipc != nullptr) {
		TRY(ipc_get_existing(ipc, flags));
		id = ipc->id;
	} else {
		TRY(queue_create(key, flags, &id));
	}
	*result = (u64)id;
	return OK;
}

/* --- sending --- */

static bool
want_matches(const struct msg_want *scoped want, i64 type)
{
	switch (want->match) {
	case MSG_EQUAL:
		return type == want->type;
	case MSG_NOT_EQUAL:
		return type != want->type;
	case MSG_UP_TO:
		return type <= want->type;
	default:
		return true;
	}
}

static void
receiver_finish(struct msg_queue *queue, struct msg_receiver *receiver, struct message *message, err_t err) MUST_HOLD(&queue->lock)
{
	msg_receivers_remove(&queue->receivers, receiver);
	receiver->message = message;
	receiver->err = err;
	atomic32_store(&receiver->done, 1);
	(void)wake_all(&receiver->wait);
}

/** Hands it to the first that waits for such a one. Those with too little room are told so. => whether one took it */
static bool
message_hand_over(struct msg_queue *queue, struct message *message) MUST_HOLD(&queue->lock)
{
	LIST_FOR_REMOVING(msg_receivers, receiver, &queue->receivers) {
		if (!want_matches(&receiver->want, message->type))
			continue;
		if (receiver->want.room < message->len) {
			receiver_finish(queue, receiver, nullptr, E2BIG);
			continue;
		}
		queue->ds.lrpid = receiver->pid;
		queue->ds.rtime = ipc_now();
		receiver_finish(queue, receiver, message, OK);
		return true;
	}
	return false;
}

static bool
queue_fits(struct msg_queue *queue, u64 len) MUST_HOLD(&queue->lock)
{
	return queue->ds.cbytes + len <= queue->ds.qbytes && queue->ds.qnum + 1 <= queue->ds.qbytes;
}

/** Takes over the message on success. => EAGAIN: full; EACCES, EIDRM */
static err_t
message_enter(struct msg_queue *queue, struct message *message, u32 *scoped changes)
{
	SPIN_SCOPE(&queue->lock);
	TRY(ipc_permission(&queue->ipc, IPC_WRITE));
	if (queue->removed)
		return EIDRM;
	*changes = queue->changes;
	if (!queue_fits(queue, message->len))
		return EAGAIN;
	queue->ds.lspid = (i32)process_current()->pid;
	queue->ds.stime = ipc_now();
	if (message_hand_over(queue, message))
		return OK;
	message_list_push_back(&queue->messages, message);
	queue->ds.cbytes += message->len;
	queue->ds.qnum += 1;
	return OK;
}

static bool
sender_may_try(struct msg_queue *queue, u64 len, u32 changes)
{
	SPIN_SCOPE(&queue->lock);
	return queue->removed || queue->changes != changes || queue_fits(queue, len);
}

static err_t
message_send(struct msg_queue *queue, struct message *message, u32 flags)
{
	u32 changes = 0;
	for (;;) {
		err_t err = message_enter(queue, message, &changes);
		if (err != EAGAIN || (flags & IPC_NOWAIT) != 0)
			return err;
		err = WAIT_UNTIL(&queue->senders, sender_may_try(queue, message->len, changes), WAIT_INTERRUPTIBLE, TIME_NEVER);
		if (err != OK)
			return ERESTARTNOHAND;
	}
}

static err_t
message_copy_in(i64 type, uaddr_t text, u64 len, struct message **scoped out)
{
	REF_SCOPE(message, message);
	message = message_alloc();
	if (message == nullptr)
		return ENOMEM;
	message->type = type;
	message->len = len;
	TRY(copy_in_array(text, len, &message->text));
	*out = message;
	message = nullptr;
	return OK;
}

err_t
sys_msgsnd(i32 msqid, uaddr_t msgp, u64 size, u32 flags)
{
	REF_SCOPE(msg_queue, queue);
	struct msg_queue *found = nullptr;
	struct message *message = nullptr;
	i64 type = 0;
	TRY(copy_in_value(type, msgp));
	if (size > MSGMAX || msqid < 0 || type < 1)
		return EINVAL;
	TRY(message_copy_in(type, UADDR(msgp.raw + sizeof(type)), size, &message));
	err_t err = queue_find(msqid, false, &found);
	queue = found;
	if (err == OK)
		err = message_send(queue, message, flags);
	if (err != OK)
		message_put(message);
	return err;
}

/* --- receiving --- */

static struct msg_want
want_decode(i64 type, u64 room, u32 flags)
{
	struct msg_want want = { MSG_EQUAL, type, (flags & MSG_NOERROR) != 0 ? ~(u64)0 : room };
	if ((flags & MSG_COPY) != 0)
		want.match = MSG_NUMBER;
	else if (type == 0)
		want.match = MSG_ANY;
	else if (type < 0)
		want = (struct msg_want){ MSG_UP_TO, type == (i64)1 << 63 ? (i64)~((u64)1 << 63) : -type, want.room };
	else if ((flags & MSG_EXCEPT) != 0)
		want.match = MSG_NOT_EQUAL;
	return want;
}

/** The first of those wanted; of MSG_UP_TO the one with the lowest type. => null: none */
static struct message *
message_find(struct msg_queue *queue, struct msg_want want) MUST_HOLD(&queue->lock)
{
	struct message *found = nullptr;
	i64 number = 0;
	LIST_FOR(message_list, message, &queue->messages) {
		if (want.match == MSG_NUMBER ? number == want.type : want_matches(&want, message->type)) {
			found = message;
			if (want.match != MSG_UP_TO)
				return found;
			want.type = message->type - 1;
		}
		number += 1;
	}
	return found;
}

static void
message_take(struct msg_queue *queue, struct message *message) MUST_HOLD(&queue->lock)
{
	message_list_remove(&queue->messages, message);
	queue->ds.qnum -= 1;
	queue->ds.cbytes -= message->len;
	queue->ds.rtime = ipc_now();
	queue->ds.lrpid = (i32)process_current()->pid;
	(void)wake_all(&queue->senders);
}

/** Gives a message, or who waits for one. => ENOMSG, E2BIG, EACCES, EIDRM, ENOMEM */
static err_t
receive_start(struct msg_queue *queue, const struct msg_want *scoped want, u32 flags, struct message **scoped out, struct msg_receiver **scoped waits)
{
	SPIN_SCOPE(&queue->lock);
	TRY(ipc_permission(&queue->ipc, IPC_READ));
	if (queue->removed)
		return EIDRM;
	struct message *message = message_find(queue, *want);
	if (message != nullptr) {
		if (want->room < message->len)
			return E2BIG;
		*out = message;
		if (want->match == MSG_NUMBER)
			message_get(message);
		else
			message_take(queue, message);
		return OK;
	}
	if ((flags & IPC_NOWAIT) != 0)
		return ENOMSG;
	struct msg_receiver *receiver = msg_receiver_alloc();
	if (receiver == nullptr)
		return ENOMEM;
	receiver->want = *want;
	receiver->pid = (i32)process_current()->pid;
	msg_receivers_push_back(&queue->receivers, receiver);
	*waits = receiver;
	return OK;
}

/** => EAGAIN: look again */
static err_t
receive_wait(struct msg_queue *queue, struct msg_receiver *receiver, struct message **scoped out)
{
	(void)!WAIT_UNTIL(&receiver->wait, atomic32_load(&receiver->done) != 0, WAIT_INTERRUPTIBLE, TIME_NEVER);
	/* Whoever ends the wait has left it when the lock is free. */
	SPIN_SCOPE(&queue->lock);
	if (atomic32_load(&receiver->done) == 0)
		receiver_finish(queue, receiver, nullptr, ERESTARTNOHAND);
	*out = receiver->message;
	return receiver->err;
}

static err_t
message_receive(struct msg_queue *queue, const struct msg_want *scoped want, u32 flags, struct message **scoped out)
{
	err_t err = EAGAIN;
	while (err == EAGAIN) {
		struct msg_receiver *waits = nullptr;
		TRY(receive_start(queue, want, flags, out, &waits));
		if (waits == nullptr)
			return OK;
		err = receive_wait(queue, waits, out);
		msg_receiver_put(waits);
	}
	return err;
}

static err_t
message_copy_out(const struct message *message, uaddr_t to, u64 len)
{
	TRY(copy_out_value(to, message->type));
	if (len == 0)
		return OK;
	return copy_out(UADDR(to.raw + sizeof(message->type)), bytes_const(bytes_sub(byte_array_bytes(message->text), 0, len)));
}

err_t
sys_msgrcv(i32 msqid, uaddr_t msgp, u64 size, i64 type, u32 flags, u64 *scoped result)
{
	REF_SCOPE(msg_queue, queue);
	REF_SCOPE(message, message);
	struct msg_queue *found = nullptr;
	struct message *received = nullptr;
	if (msqid < 0 || (i64)size < 0)
		return EINVAL;
	if ((flags & MSG_COPY) != 0 && ((flags & MSG_EXCEPT) != 0 || (flags & IPC_NOWAIT) == 0))
		return EINVAL;
	struct msg_want want = want_decode(type, size, flags);
	TRY(queue_find(msqid, false, &found));
	queue = found;
	TRY(message_receive(queue, &want, flags, &received));
	message = received;
	/* A copy is not cut. */
	if ((flags & MSG_COPY) != 0 && size < message->len)
		return EINVAL;
	*result = MIN(size, message->len);
	return message_copy_out(message, msgp, *result);
}

/* --- msgctl --- */

struct msg_control { i32 id; u32 command; uaddr_t buf; };
typedef err_t msg_control_fn(const struct msg_control *scoped call, u64 *scoped result);

static void
info_count(struct msginfo *scoped info) MUST_HOLD(&msg_table.lock)
{
	u64 index = 0;
	info->msgpool = (i32)msg_table.count;
	info->msgmap = info->msgtql = 0;
	XARRAY_FOR(ipc_map, index, ipc, &msg_table.map) {
		struct msg_queue *queue = msg_queue_from(ipc->owner);
		SPIN_SCOPE(&queue->lock);
		info->msgmap += (i32)queue->ds.qnum;
		info->msgtql += (i32)queue->ds.cbytes;
	}
}

static err_t
control_info(const struct msg_control *scoped call, u64 *scoped result)
{
	struct msginfo info = {
		.msgpool = (i32)((u64)MSGMNI * MSGMNB / 1024), .msgmap = MSGMNB, .msgmax = MSGMAX, .msgmnb = MSGMNB, .msgmni = MSGMNI,
		.msgssz = MSGSSZ, .msgtql = MSGMNB, .msgseg = MSGSEG,
	};
	{
		MUTEX_SCOPE(&msg_table.lock);
		if (call->command == MSG_INFO)
			info_count(&info);
		*result = ipc_highest(&msg_table);
	}
	return copy_out_value(call->buf, info);
}

static err_t
control_stat(const struct msg_control *scoped call, u64 *scoped result)
{
	REF_SCOPE(msg_queue, queue);
	struct msg_queue *found = nullptr;
	struct msqid_ds ds = {};
	TRY(queue_find(call->id, call->command != IPC_STAT, &found));
	queue = found;
	{
		SPIN_SCOPE(&queue->lock);
		if (call->command != MSG_STAT_ANY)
			TRY(ipc_permission(&queue->ipc, IPC_READ));
		if (queue->removed)
			return EIDRM;
		ds = queue->ds;
		ds.perm = queue->ipc.perm;
	}
	*result = call->command == IPC_STAT ? 0 : (u64)queue->ipc.id;
	return copy_out_value(call->buf, ds);
}

static void
finish_receivers(struct msg_queue *queue, err_t err) MUST_HOLD(&queue->lock)
{
	LIST_FOR_REMOVING(msg_receivers, receiver, &queue->receivers)
		receiver_finish(queue, receiver, nullptr, err);
	(void)wake_all(&queue->senders);
}

static void
queue_remove(struct msg_queue *queue) MUST_HOLD(&msg_table.lock)
{
	ipc_leave(&msg_table, &queue->ipc);
	{
		SPIN_SCOPE(&queue->lock);
		queue->removed = true;
		finish_receivers(queue, EIDRM);
	}
	msg_queue_put_rcu(queue);
}

/** IPC_SET. All who wait look again whether they may. */
static err_t
queue_set(struct msg_queue *queue, const struct msqid_ds *scoped ds)
{
	SPIN_SCOPE(&queue->lock);
	if (ds->qbytes > MSGMNB && !capable(CAP_SYS_RESOURCE))
		return EPERM;
	TRY(ipc_set(&queue->ipc, &ds->perm));
	queue->ds.qbytes = ds->qbytes;
	queue->ds.ctime = ipc_now();
	queue->changes += 1;
	finish_receivers(queue, EAGAIN);
	return OK;
}

static err_t
control_owner(const struct msg_control *scoped call, u64 *scoped result)
{
	struct msqid_ds ds = {};
	(void)result;
	if (call->command == IPC_SET)
		TRY(copy_in_value(ds, call->buf));
	MUTEX_SCOPE(&msg_table.lock);
	struct ipc *ipc = ipc_by_id(&msg_table, call->id);
	if (ipc == nullptr)
		return EINVAL;
	TRY(ipc_owner(ipc));
	if (call->command == IPC_SET)
		return queue_set(msg_queue_from(ipc->owner), &ds);
	queue_remove(msg_queue_from(ipc->owner));
	return OK;
}

err_t
sys_msgctl(i32 msqid, i32 cmd, uaddr_t buf, u64 *scoped result)
{
	static const struct { msg_control_fn *run; } controls[MSG_COMMANDS] = {
		[IPC_RMID] = { control_owner }, [IPC_SET] = { control_owner }, [IPC_STAT] = { control_stat }, [IPC_INFO] = { control_info },
		[MSG_STAT] = { control_stat }, [MSG_STAT_ANY] = { control_stat }, [MSG_INFO] = { control_info },
	};
	struct msg_control call = { msqid, (u32)cmd & ~(u32)IPC_64, buf };
	*result = 0;
	if (msqid < 0 || cmd < 0 || call.command >= MSG_COMMANDS || ELEM(controls, call.command)->run == nullptr)
		return EINVAL;
	return ELEM(controls, call.command)->run(&call, result);
}

/* --- /proc/sysvipc/msg --- */

void
sysv_show_msg(struct text *text)
{
	u64 index = 0;
	text_put_bytes(text, TEXT("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"));
	MUTEX_SCOPE(&msg_table.lock);
	XARRAY_FOR(ipc_map, index, ipc, &msg_table.map) {
		struct msg_queue *queue = msg_queue_from(ipc->owner);
		SPIN_SCOPE(&queue->lock);
		ipc_show_start(text, ipc);
		ipc_show_number(text, queue->ds.cbytes, 10);
		ipc_show_number(text, queue->ds.qnum, 10);
		ipc_show_number(text, (u64)queue->ds.lspid, 5);
		ipc_show_number(text, (u64)queue->ds.lrpid, 5);
		ipc_show_owners(text, ipc);
		ipc_show_number(text, (u64)queue->ds.stime, 10);
		ipc_show_number(text, (u64)queue->ds.rtime, 10);
		ipc_show_number(text, (u64)queue->ds.ctime, 10);
		text_put_char(text, '\n');
	}
}
