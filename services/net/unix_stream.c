// SPDX-License-Identifier: MPL-2.0
/**
 * Streams: bytes without boundaries, but for those that files and credentials make.
 */
#include "unix.h"

#include <cadre/cpu.h>

#include <signal.h>
#include <thread.h>

/** What a stream's packet takes of the next bytes: they go behind the newest ones, where nothing keeps them apart. */
static struct unix_packet *
tail_with_room(struct unix_sock *other, const struct socket_cred *scoped cred, bool files) MUST_HOLD(&other->lock)
{
	struct unix_packet *last = unix_packet_list_last(&other->queue);
	if (last == nullptr || files || last->flight != nullptr || last->oob || last->off + last->len >= PAGE_SIZE)
		return nullptr;
	bool same = last->cred.pid == cred->pid && last->cred.uid == cred->uid && last->cred.gid == cred->gid;
	return same ? last : nullptr;
}

/** Empty packets with frames that a CPU has to spare: a stream that moves much allocates none. */
enum : u32 { SPARES = 48 };
struct spare_packets { struct unix_packet *packets[SPARES]; u32 count; };
CPU_LOCAL_DEFINE(spare_packets, spare_packets);

static struct unix_packet *
spare_take(void)
{
	CPU_LOCAL_SCOPE(spares, spare_packets);
	u32 last = spares->count - 1;
	if (last >= SPARES)
		return nullptr;
	spares->count = last;
	return spares->packets[last];
}

/** => false: there are enough */
static bool
spare_give(struct unix_packet *packet)
{
	CPU_LOCAL_SCOPE(spares, spare_packets);
	u32 count = spares->count;
	if (count >= SPARES)
		return false;
	spares->packets[count] = packet;
	spares->count = count + 1;
	return true;
}

/** An empty packet with a frame, not in the queue: a spare one, or a new one. => null: memory is gone */
static struct unix_packet *
packet_fresh(struct unix_sock *other) MUST_HOLD(&other->lock)
{
	struct unix_packet *packet = other->spare;
	other->spare = nullptr;
	if (packet == nullptr)
		packet = spare_take();
	if (packet != nullptr)
		return packet;
	packet = unix_packet_alloc();
	if (packet == nullptr)
		return nullptr;
	packet->frame = frame_alloc();
	if (packet->frame != nullptr)
		return packet;
	unix_packet_put(packet);
	return nullptr;
}

static void
packet_keep(struct unix_sock *sock, struct unix_packet *packet) MUST_HOLD(&sock->lock)
{
	packet->off = 0;
	packet->len = 0;
	packet->charge = 0;
	packet->cred = (struct socket_cred){};
	if (sock->spare == nullptr)
		sock->spare = packet;
	else if (!spare_give(packet))
		unix_packet_free(packet);
}

static err_t
take_whole(struct uio *scoped uio, struct frame *frame, u32 off, u32 len)
{
	u64 left = uio->left;
	err_t err = uio_take_frame(uio, frame, off, len);
	if (__builtin_expect(err != OK, false))
		uio->left = left;
	return err;
}

/** Appends to the newest packet as much as its page takes. */
static err_t
stream_extend(struct unix_sock *other, struct unix_packet *last, struct uio *scoped uio) MUST_HOLD(&other->lock)
{
	u32 end = last->off + last->len, len = (u32)MIN(uio->left, PAGE_SIZE - end);
	TRY(take_whole(uio, last->frame, end, len));
	last->len += len;
	last->charge += len;
	atomic32_store_relaxed(&other->queue_charge, atomic32_load_relaxed(&other->queue_charge) + len);
	return OK;
}

/** Appends a packet of up to a page. */
static err_t
stream_append(struct unix_sock *other, struct uio *scoped uio, const struct socket_cred *scoped cred,
              struct socket_message *scoped message) MUST_HOLD(&other->lock)
{
	struct unix_packet *packet = packet_fresh(other);
	if (packet == nullptr)
		return ENOMEM;
	u32 len = (u32)MIN(uio->left, PAGE_SIZE);
	err_t err = take_whole(uio, packet->frame, 0, len);
	if (err == OK && message != nullptr && message->files != nullptr)
		err = unix_files_send(message, packet, other);
	if (err != OK) {
		packet_keep(other, packet);
		return err;
	}
	packet->len = len;
	packet->charge = len + UNIX_PACKET_CHARGE;
	packet->cred = *cred;
	unix_packet_list_push_back(&other->queue, packet);
	atomic32_store_relaxed(&other->queue_charge, atomic32_load_relaxed(&other->queue_charge) + packet->charge);
	atomic32_store_release(&other->queued, atomic32_load_relaxed(&other->queued) + 1);
	return OK;
}

/** Appends as much as the limit allows. => EPIPE: nobody will read; EFAULT, ENOMEM */
static err_t
stream_fill(struct unix_sock *sock, struct unix_sock *other, struct uio *scoped uio, const struct socket_cred *scoped cred,
            struct socket_message *scoped message) MUST_HOLD(&other->lock)
{
	if (((unix_shutdown_bits(sock) & SHUTDOWN_SEND) | (unix_shutdown_bits(other) & SHUTDOWN_RECEIVE)) != 0)
		return EPIPE;
	u32 limit = atomic32_load_relaxed(&sock->socket.send_limit);
	while (uio->left != 0 && atomic32_load_relaxed(&other->queue_charge) < limit) {
		bool files = message != nullptr && message->files != nullptr;
		struct unix_packet *last = tail_with_room(other, cred, files);
		if (last != nullptr)
			TRY(stream_extend(other, last, uio));
		else
			TRY(stream_append(other, uio, cred, message));
	}
	return OK;
}

static err_t
stream_wait_room(struct unix_sock *sock, struct unix_sock *other, u32 flags, u64 deadline)
{
	if ((flags & MSG_DONTWAIT) != 0)
		return EAGAIN;
	u32 limit = atomic32_load_relaxed(&sock->socket.send_limit);
	err_t err = WAIT_UNTIL(&sock->write_queue.wait,
	                       atomic32_load_relaxed(&other->queue_charge) < limit || (unix_shutdown_bits(sock) & SHUTDOWN_SEND) != 0,
	                       WAIT_INTERRUPTIBLE, deadline);
	return err == OK ? OK : socket_wait_error(&sock->socket, true, err);
}

static err_t
stream_push(struct unix_sock *sock, struct unix_sock *other, struct uio *scoped uio, u32 flags, struct socket_message *scoped message)
{
	u64 deadline = 0;
	struct socket_cred cred = {};
	if (message != nullptr && message->has_cred)
		cred = message->cred;
	else if (__builtin_expect((atomic32_load_relaxed(&sock->socket.options) | atomic32_load_relaxed(&other->socket.options)) & OPTION_PASSCRED, 0))
		cred = (struct socket_cred){ process_current()->pid, cred_current()->uid, cred_current()->gid };
	while (uio->left != 0) {
		bool was_empty = false, is_empty = true;
		err_t err = OK;
		{
			MUTEX_SCOPE(&other->lock);
			was_empty = unix_packet_list_empty(&other->queue);
			err = stream_fill(sock, other, uio, &cred, message);
			is_empty = unix_packet_list_empty(&other->queue);
		}
		if ((was_empty && !is_empty) || atomic32_load_relaxed(&other->watched) != 0)
			(void)poll_wake_one(&other->read_queue, POLL_IN | POLL_RDNORM);
		TRY(err);
		if (uio->left == 0)
			return OK;
		if (deadline == 0)
			deadline = socket_deadline(&sock->socket, true);
		TRY(stream_wait_room(sock, other, flags, deadline));
	}
	return OK;
}

err_t
unix_stream_send(struct socket *socket, struct uio *scoped uio, u32 flags, const struct socket_address *scoped address,
                 struct socket_message *scoped message)
{
	struct unix_sock *sock = unix_of(socket);
	if ((flags & MSG_OOB) != 0)
		return EOPNOTSUPP;
	if (address != nullptr)
		return unix_state(sock) == UNIX_CONNECTED ? EISCONN : EOPNOTSUPP;
	struct unix_sock *peer = POINTER_LOAD(sock->peer);   /* set once, put by the end of this socket alone */
	if (peer == nullptr)
		return ENOTCONN;
	u64 before = uio->left;
	err_t err = (unix_shutdown_bits(sock) & SHUTDOWN_SEND) != 0 ? EPIPE : stream_push(sock, peer, uio, flags, message);
	if (err == EPIPE && uio->left == before && (flags & MSG_NOSIGNAL) == 0)
		(void)signal_send_thread(thread_current(), SIGPIPE, nullptr);
	return err;
}

/** Where a receive has come to. */
struct stream_read {
	u64 moved;
	bool peek, stop;            /* stop: nothing may follow what was read */
	bool have_cred;
	struct socket_cred cred;
};

/** Takes `n` bytes off the oldest packet, which goes when it is empty. */
static void
stream_consume(struct unix_sock *sock, struct unix_packet *packet, u32 n) MUST_HOLD(&sock->lock)
{
	packet->off += n;
	packet->len -= n;
	u32 charge = packet->len == 0 ? packet->charge : MIN(n, packet->charge);
	packet->charge -= charge;
	atomic32_store_relaxed(&sock->queue_charge, atomic32_load_relaxed(&sock->queue_charge) - charge);
	if (packet->len != 0)
		return;
	unix_packet_list_remove(&sock->queue, packet);
	atomic32_store_release(&sock->queued, atomic32_load_relaxed(&sock->queued) - 1);
	packet_keep(sock, packet);
}

/** Reads from one packet. => whether reading may go on is in read->stop */
static err_t
stream_read_packet(struct unix_sock *sock, struct unix_packet *packet, struct uio *scoped uio, struct socket_message *scoped message,
                   struct stream_read *scoped read) MUST_HOLD(&sock->lock)
{
	u32 n = (u32)MIN(uio->left, (u64)packet->len);
	u64 left = uio->left;
	err_t err = uio_put_frame(uio, packet->frame, packet->off, n);
	if (err != OK) {
		uio->left = left;
		return err;
	}
	read->moved += n;
	read->cred = packet->cred;
	read->have_cred = true;
	if (packet->flight != nullptr) {
		read->stop = true;
		if (message == nullptr && !read->peek)
			unix_files_drop(packet);
		else if (message != nullptr && read->peek)
			TRY(unix_files_peek(packet, message));
		else if (message != nullptr)
			unix_files_receive(packet, message);
	}
	if (!read->peek)
		stream_consume(sock, packet, n);
	return OK;
}

/** Reads what there is. */
static err_t
stream_drain(struct unix_sock *sock, struct uio *scoped uio, struct socket_message *scoped message, struct stream_read *scoped read)
	MUST_HOLD(&sock->lock)
{
	bool check = message != nullptr && socket_option(&sock->socket, OPTION_PASSCRED);
	for (struct unix_packet *packet = unix_packet_list_first(&sock->queue); packet != nullptr && uio->left != 0 && !read->stop;) {
		if (check && read->have_cred && packet->cred.pid != read->cred.pid) {
			read->stop = true;
			break;
		}
		struct unix_packet *next = unix_packet_list_next(packet);
		TRY(stream_read_packet(sock, packet, uio, message, read));
		packet = next;
	}
	return OK;
}

static bool
stream_readable(struct unix_sock *sock)
{
	return atomic32_load_acquire(&sock->queued) != 0 || (unix_shutdown_bits(sock) & SHUTDOWN_RECEIVE) != 0 ||
	       atomic32_load_relaxed(&sock->socket.error) != 0;
}

/** Reads once, and tells the other end when there is room again. */
static err_t
stream_read_once(struct unix_sock *sock, struct uio *scoped uio, struct socket_message *scoped message, struct stream_read *scoped read)
{
	struct unix_sock *peer = POINTER_LOAD(sock->peer);
	u32 before = 0, after = 0;
	err_t err = OK;
	bool more = false;
	{
		MUTEX_SCOPE(&sock->lock);
		before = atomic32_load_relaxed(&sock->queue_charge);
		err = stream_drain(sock, uio, message, read);
		after = atomic32_load_relaxed(&sock->queue_charge);
		more = !unix_packet_list_empty(&sock->queue);
	}
	if (peer != nullptr && after != before) {
		u32 limit = atomic32_load_relaxed(&peer->socket.send_limit);
		if ((u64)before * 4 > limit && (u64)after * 4 <= limit)
			poll_wake(&peer->write_queue, POLL_OUT | POLL_WRNORM | POLL_WRBAND);
	}
	if (more)
		(void)wake_one(&sock->read_queue.wait);
	return err;
}

/** Nothing (more) is there: the end, an error, or a wait. => *over: return what there is */
static err_t
stream_wait(struct unix_sock *sock, u32 flags, u64 deadline, bool *scoped over)
{
	if (atomic32_load_acquire(&sock->queued) != 0)
		return OK;
	TRY(socket_error_take(&sock->socket));
	if ((unix_shutdown_bits(sock) & SHUTDOWN_RECEIVE) != 0) {
		*over = atomic32_load_acquire(&sock->queued) == 0;
		return OK;
	}
	if ((flags & MSG_DONTWAIT) != 0)
		return EAGAIN;
	err_t err = WAIT_UNTIL(&sock->read_queue.wait, stream_readable(sock), WAIT_INTERRUPTIBLE, deadline);
	return err == OK ? OK : socket_wait_error(&sock->socket, false, err);
}

err_t
unix_stream_receive(struct socket *socket, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
                    struct socket_message *scoped message, u64 *scoped len)
{
	struct unix_sock *sock = unix_of(socket);
	*len = 0;
	if (__builtin_expect(unix_state(sock) != UNIX_CONNECTED, 0))
		return EINVAL;
	if ((flags & MSG_OOB) != 0)
		return EOPNOTSUPP;
	struct stream_read read = { .peek = (flags & MSG_PEEK) != 0 };
	u64 wanted = (flags & MSG_WAITALL) != 0 ? uio->left : MIN(uio->left, (u64)atomic32_load_relaxed(&socket->receive_low));
	u64 deadline = 0;
	bool over = uio->left == 0;
	err_t err = OK;
	while (!over && err == OK) {
		err = stream_read_once(sock, uio, message, &read);
		if (err != OK || read.moved >= wanted || read.stop || (read.peek && read.moved != 0))
			break;
		if (deadline == 0)
			deadline = socket_deadline(socket, false);
		err = stream_wait(sock, flags, deadline, &over);
	}
	*len = read.moved;
	if (message != nullptr) {
		message->cred = read.cred;
		message->has_cred = read.have_cred;
	}
	struct unix_sock *peer = POINTER_LOAD(sock->peer);
	if (address != nullptr && read.moved != 0 && peer != nullptr && POINTER_LOAD(peer->address) != nullptr)
		unix_name_copy(peer, address);
	return read.moved != 0 ? OK : err;
}
