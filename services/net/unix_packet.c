// SPDX-License-Identifier: MPL-2.0
/**
 * Packets, and sockets that keep them apart: SOCK_DGRAM and SOCK_SEQPACKET.
 */
#include "unix.h"

#include <clock.h>
#include <thread.h>

static void
unix_packet_release(struct unix_packet *packet)
{
	struct frame_array *more = packet->more;
	if (packet->frame != nullptr)
		frame_put(packet->frame);
	for (u32 i = 0; more != nullptr && i < frame_array_len(more); i++)
		if (more->items[i] != nullptr)
			frame_put(more->items[i]);
	if (more != nullptr)
		frame_array_put(more);
	if (packet->from != nullptr)
		unix_sock_put(packet->from);
}
OBJECT_DEFINE_RELEASE(unix_packet);

/** The sender may go on, once no more than a quarter of what it may send is under way. */
static void
packet_uncharge(struct unix_packet *packet)
{
	struct unix_sock *from = packet->from;
	if (from == nullptr)
		return;
	bool could = unix_may_send(from);
	(void)atomic32_sub(&from->sent_charge, packet->charge);
	if (!could && unix_may_send(from))
		poll_wake(&from->write_queue, POLL_OUT | POLL_WRNORM | POLL_WRBAND);
}

void
unix_packet_free(struct unix_packet *packet)
{
	if (packet->flight != nullptr)
		unix_files_drop(packet);
	packet_uncharge(packet);
	unix_packet_put(packet);
}

void
unix_packet_cred(struct unix_packet *packet, struct unix_sock *sock, struct unix_sock *other, const struct socket_message *scoped message)
{
	if (message != nullptr && message->has_cred)
		packet->cred = message->cred;
	else if (socket_option(&sock->socket, OPTION_PASSCRED) || socket_option(&other->socket, OPTION_PASSCRED)) {
		const struct cred *cred = cred_current();
		packet->cred = (struct socket_cred){ process_current()->pid, cred->uid, cred->gid };
	}
}

static struct frame *
packet_frame(struct unix_packet *packet, u32 page)
{
	return page == 0 ? packet->frame : *frame_array_at(packet->more, page - 1);
}

/** Room for `len` bytes. */
static err_t
packet_room(struct unix_packet *packet, u32 len)
{
	packet->frame = frame_alloc();
	if (packet->frame == nullptr)
		return ENOMEM;
	if (len <= PAGE_SIZE)
		return OK;
	packet->more = frame_array_alloc((len - 1) / (u32)PAGE_SIZE);
	if (packet->more == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < frame_array_len(packet->more); i++) {
		struct frame *frame = frame_alloc();
		if (frame == nullptr)
			return ENOMEM;
		*frame_array_at(packet->more, i) = frame;
	}
	return OK;
}

/** A packet of all that the transfer has. => ENOMEM, EFAULT, ETOOMANYREFS */
static err_t
packet_make(struct unix_sock *other, struct uio *scoped uio, struct socket_message *scoped message, struct unix_packet **scoped out)
{
	REF_SCOPE(unix_packet, packet);
	packet = unix_packet_alloc();
	if (packet == nullptr)
		return ENOMEM;
	packet->len = (u32)uio->left;
	packet->charge = packet->len + UNIX_PACKET_CHARGE;
	TRY(packet_room(packet, packet->len));
	u64 left = uio->left;
	err_t err = OK;
	for (u32 page = 0; uio->left != 0 && err == OK; page++)
		err = uio_take_frame(uio, packet_frame(packet, page), 0, MIN(uio->left, PAGE_SIZE));
	if (err == OK && message != nullptr && message->files != nullptr)
		err = unix_files_send(message, packet, other);
	if (err != OK) {
		uio->left = left;
		return err;
	}
	*out = packet;
	packet = nullptr;
	return OK;
}

/** Where a packet goes: the given address, else the peer. With a reference. */
static err_t
packet_target(struct unix_sock *sock, const struct socket_address *scoped address, struct unix_sock **scoped out)
{
	if (unix_connected_type(sock)) {
		if (unix_state(sock) != UNIX_CONNECTED)
			return ENOTCONN;
		address = nullptr;
	}
	if (address != nullptr)
		return unix_find(address, sock->socket.type, out);
	*out = unix_peer_get(sock);
	return *out != nullptr ? OK : ENOTCONN;
}

/** Whether `other` takes no more from `sock` for now: its queue is full, and they are not each other's. */
static bool
target_full(struct unix_sock *sock, struct unix_sock *other)
{
	return atomic32_load(&other->queued) > UNIX_QUEUE_MAX && POINTER_LOAD(other->peer) != sock;
}

/** Puts the packet into the queue. => EAGAIN: no room; ECONNREFUSED, EPIPE, EPERM */
static err_t
packet_queue(struct unix_sock *sock, struct unix_sock *other, struct unix_packet *packet)
{
	struct unix_sock *theirs = POINTER_LOAD(other->peer);
	if (theirs != nullptr && theirs != sock)
		return EPERM;
	MUTEX_SCOPE(&other->lock);
	if (atomic32_load(&other->dead) != 0)
		return unix_connected_type(sock) ? EPIPE : ECONNREFUSED;
	if ((unix_shutdown_bits(other) & SHUTDOWN_RECEIVE) != 0)
		return EPIPE;
	u32 limit = atomic32_load_relaxed(&sock->socket.send_limit);
	if (target_full(sock, other) || atomic32_load(&sock->sent_charge) >= limit)
		return EAGAIN;
	unix_sock_get(sock);
	packet->from = sock;
	(void)atomic32_add(&sock->sent_charge, packet->charge);
	unix_packet_list_push_back(&other->queue, packet);
	(void)atomic32_add(&other->queued, 1);
	return OK;
}

/** Waits for what keeps the packet from being sent. */
static err_t
packet_wait(struct unix_sock *sock, struct unix_sock *other, u64 deadline)
{
	u32 limit = atomic32_load_relaxed(&sock->socket.send_limit);
	err_t err = OK;
	if (atomic32_load(&sock->sent_charge) >= limit)
		err = WAIT_UNTIL(&sock->write_queue.wait,
		                 atomic32_load(&sock->sent_charge) < limit || (unix_shutdown_bits(sock) & SHUTDOWN_SEND) != 0,
		                 WAIT_INTERRUPTIBLE, deadline);
	else
		err = WAIT_UNTIL(&other->room_queue.wait, !target_full(sock, other) || atomic32_load(&other->dead) != 0, WAIT_INTERRUPTIBLE,
		                 deadline);
	return err == OK ? OK : socket_wait_error(&sock->socket, true, err);
}

/** A datagram's peer has gone: so has the connection. */
static void
packet_disconnect(struct unix_sock *sock, struct unix_sock *other)
{
	{
		SPIN_SCOPE(&sock->peer_lock);
		if (sock->peer != other)
			return;
		POINTER_PUBLISH(sock->peer, nullptr);
	}
	unix_sock_put(other);
}

static err_t
packet_deliver(struct unix_sock *sock, struct unix_sock *other, struct unix_packet *packet, u32 flags)
{
	u64 deadline = socket_deadline(&sock->socket, true);
	for (;;) {
		if ((unix_shutdown_bits(sock) & SHUTDOWN_SEND) != 0)
			return EPIPE;
		err_t err = packet_queue(sock, other, packet);
		if (err == ECONNREFUSED)
			packet_disconnect(sock, other);
		if (err != EAGAIN || (flags & MSG_DONTWAIT) != 0)
			return err;
		TRY(packet_wait(sock, other, deadline));
	}
}

err_t
unix_packet_send(struct socket *socket, struct uio *scoped uio, u32 flags, const struct socket_address *scoped address,
                 struct socket_message *scoped message)
{
	struct unix_sock *sock = unix_of(socket);
	if ((flags & MSG_OOB) != 0)
		return EOPNOTSUPP;
	TRY(socket_error_take(socket));
	if (unix_connected_type(sock) && unix_state(sock) != UNIX_CONNECTED)
		return ENOTCONN;
	REF_SCOPE(unix_sock, other);
	TRY(packet_target(sock, address, &other));
	if (socket_option(socket, OPTION_PASSCRED) && POINTER_LOAD(sock->address) == nullptr)
		TRY(unix_autobind(sock));
	if (uio->left > atomic32_load_relaxed(&socket->send_limit) - 32)
		return EMSGSIZE;
	struct unix_packet *packet = nullptr;
	u64 left = uio->left;
	TRY(packet_make(other, uio, message, &packet));
	unix_packet_cred(packet, sock, other, message);
	if (socket_option(&other->socket, OPTION_STAMPS))
		packet->stamp_ns = clock_realtime();
	err_t err = packet_deliver(sock, other, packet, flags);
	if (err != OK) {
		uio->left = left;
		unix_packet_free(packet);
		return err;
	}
	(void)poll_wake_one(&other->read_queue, POLL_IN | POLL_RDNORM);
	return OK;
}

/** The oldest packet: taken off, or with MSG_PEEK only looked at, with a reference. */
static struct unix_packet *
packet_take(struct unix_sock *sock, bool peek)
{
	MUTEX_SCOPE(&sock->lock);
	struct unix_packet *packet = unix_packet_list_first(&sock->queue);
	if (packet == nullptr || peek) {
		if (packet != nullptr)
			unix_packet_get(packet);
		return packet;
	}
	unix_packet_list_remove(&sock->queue, packet);
	(void)atomic32_sub(&sock->queued, 1);
	return packet;
}

static bool
receivable(struct unix_sock *sock)
{
	return atomic32_load_acquire(&sock->queued) != 0 || (unix_shutdown_bits(sock) & SHUTDOWN_RECEIVE) != 0 ||
	       atomic32_load_relaxed(&sock->socket.error) != 0;
}

/** Waits for a packet. => *out null: no more will come */
static err_t
packet_await(struct unix_sock *sock, u32 flags, struct unix_packet **scoped out)
{
	u64 deadline = socket_deadline(&sock->socket, false);
	for (;;) {
		*out = packet_take(sock, (flags & MSG_PEEK) != 0);
		if (*out != nullptr)
			return OK;
		TRY(socket_error_take(&sock->socket));
		if ((unix_shutdown_bits(sock) & SHUTDOWN_RECEIVE) != 0)
			return unix_connected_type(sock) || (flags & MSG_DONTWAIT) == 0 ? OK : EAGAIN;
		if ((flags & MSG_DONTWAIT) != 0)
			return EAGAIN;
		err_t err = WAIT_UNTIL(&sock->read_queue.wait, receivable(sock), WAIT_INTERRUPTIBLE, deadline);
		if (err != OK)
			return socket_wait_error(&sock->socket, false, err);
	}
}

/** Copies as much of the packet as there is room for. */
static err_t
packet_copy(struct unix_packet *packet, struct uio *scoped uio)
{
	u32 left = (u32)MIN((u64)packet->len, uio->left);
	for (u32 page = 0; left != 0; page++) {
		u32 n = MIN(left, (u32)PAGE_SIZE);
		TRY(uio_put_frame(uio, packet_frame(packet, page), 0, n));
		left -= n;
	}
	return OK;
}

static err_t
packet_give(struct unix_sock *sock, struct unix_packet *packet, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
            struct socket_message *scoped message, u64 *scoped len)
{
	u64 room = uio->left;
	TRY(packet_copy(packet, uio));
	*len = (flags & MSG_TRUNC) != 0 ? packet->len : MIN(room, (u64)packet->len);
	if (address != nullptr && POINTER_LOAD(packet->from->address) != nullptr)
		unix_name_copy(packet->from, address);
	if (message == nullptr)
		return OK;
	message->flags |= packet->len > room ? MSG_TRUNC : 0;
	message->cred = packet->cred;
	message->has_cred = true;
	if (socket_option(&sock->socket, OPTION_STAMPS))
		message->stamp_ns = packet->stamp_ns != 0 ? packet->stamp_ns : clock_realtime();
	if (packet->flight == nullptr)
		return OK;
	if ((flags & MSG_PEEK) != 0)
		return unix_files_peek(packet, message);
	unix_files_receive(packet, message);
	return OK;
}

err_t
unix_packet_receive(struct socket *socket, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
                    struct socket_message *scoped message, u64 *scoped len)
{
	struct unix_sock *sock = unix_of(socket);
	*len = 0;
	if ((flags & MSG_OOB) != 0)
		return EOPNOTSUPP;
	if (unix_connected_type(sock) && unix_state(sock) != UNIX_CONNECTED)
		return ENOTCONN;
	struct unix_packet *packet = nullptr;
	TRY(packet_await(sock, flags, &packet));
	if (packet == nullptr)
		return OK;
	if ((flags & MSG_PEEK) == 0 && atomic32_load(&sock->queued) == UNIX_QUEUE_MAX)
		poll_wake(&sock->room_queue, POLL_OUT | POLL_WRNORM | POLL_WRBAND);
	err_t err = packet_give(sock, packet, uio, flags, address, message, len);
	if ((flags & MSG_PEEK) != 0)
		unix_packet_put(packet);
	else
		unix_packet_free(packet);
	if (atomic32_load(&sock->queued) != 0)
		(void)wake_one(&sock->read_queue.wait);
	return err;
}
