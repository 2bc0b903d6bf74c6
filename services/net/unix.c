// SPDX-License-Identifier: MPL-2.0
/**
 * AF_UNIX as a family: its tables, and the ops of its files.
 */
#include "unix.h"

#include <thread.h>

enum : u32 { SIOCINQ = 0x541B, SIOCOUTQ = 0x5411 };

static struct socket *
unix_socket(struct object *private)
{
	return &unix_sock_from(private)->socket;
}

static err_t
unix_create(u32 type, u32 protocol, struct object **scoped out)
{
	struct unix_sock *sock = nullptr;
	TRY(unix_make(type, protocol, &sock));
	*out = unix_sock_object(sock);
	return OK;
}

static void
unix_drop(struct object *private)
{
	unix_close(unix_sock_from(private), true);
}

static void
unix_opened(struct object *private, struct file *file)
{
	file->unix_sock = unix_sock_from(private);
	unix_set_file(file->unix_sock, file);
}

static err_t
unix_name(struct socket *socket, bool peer, struct socket_address *scoped out)
{
	struct unix_sock *sock = unix_of(socket);
	if (!peer) {
		unix_name_copy(sock, out);
		return OK;
	}
	REF_SCOPE(unix_sock, other);
	other = unix_peer_get(sock);
	if (other == nullptr)
		return ENOTCONN;
	unix_name_copy(other, out);
	return OK;
}

static err_t
unix_send(struct socket *socket, struct uio *scoped uio, u32 flags, const struct socket_address *scoped address,
          struct socket_message *scoped message)
{
	if (socket->type == SOCK_STREAM)
		return unix_stream_send(socket, uio, flags, address, message);
	return unix_packet_send(socket, uio, flags, address, message);
}

static err_t
unix_receive(struct socket *socket, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
             struct socket_message *scoped message, u64 *scoped len)
{
	if (socket->type == SOCK_STREAM)
		return unix_stream_receive(socket, uio, flags, address, message, len);
	return unix_packet_receive(socket, uio, flags, address, message, len);
}

static err_t
unix_shutdown(struct socket *socket, u32 how)
{
	struct unix_sock *sock = unix_of(socket);
	(void)atomic32_or(&sock->shutdown, how);
	REF_SCOPE(unix_sock, peer);
	peer = unix_peer_get(sock);
	if (peer != nullptr && unix_connected_type(sock)) {
		u32 theirs = ((how & SHUTDOWN_RECEIVE) != 0 ? SHUTDOWN_SEND : 0) | ((how & SHUTDOWN_SEND) != 0 ? SHUTDOWN_RECEIVE : 0);
		(void)atomic32_or(&peer->shutdown, theirs);
		unix_tell_all(peer);
	}
	unix_tell_all(sock);
	poll_wake(&sock->room_queue, 0);
	return OK;
}

static struct socket_cred
unix_peer_cred(struct socket *socket)
{
	return unix_of(socket)->peer_cred;
}

static bool
unix_listening(struct socket *socket)
{
	return unix_state(unix_of(socket)) == UNIX_LISTENING;
}

static void
unix_limits_changed(struct socket *socket)
{
	poll_wake(&unix_of(socket)->write_queue, POLL_OUT | POLL_WRNORM | POLL_WRBAND);
}

const struct socket_ops unix_socket_ops = {
	.family = AF_UNIX,
	.file_ops = &unix_file_ops,
	.socket = unix_socket,
	.create = unix_create,
	.pair = unix_pair,
	.drop = unix_drop,
	.opened = unix_opened,
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.name = unix_name,
	.send = unix_send,
	.receive = unix_receive,
	.shutdown = unix_shutdown,
	.peer_cred = unix_peer_cred,
	.listening = unix_listening,
	.limits_changed = unix_limits_changed,
};

/* --- files --- */

static err_t
unix_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct socket *socket = &file->unix_sock->socket;
	u64 len = 0;
	if (uio->left == 0)
		return OK;
	return unix_receive(socket, uio, (flags & O_NONBLOCK) != 0 ? MSG_DONTWAIT : 0, nullptr, nullptr, &len);
}

static err_t
unix_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct socket *socket = &file->unix_sock->socket;
	return unix_send(socket, uio, (flags & O_NONBLOCK) != 0 ? MSG_DONTWAIT : 0, nullptr, nullptr);
}

/** A datagram socket whose peer takes no more for now cannot be written to; whoever polls is told at the peer. */
static bool
peer_takes(struct unix_sock *sock, struct poll_table *scoped table)
{
	REF_SCOPE(unix_sock, peer);
	peer = unix_stream(sock) ? nullptr : unix_peer_get(sock);
	if (peer == nullptr || POINTER_LOAD(peer->peer) == sock || atomic32_load(&peer->queued) <= UNIX_QUEUE_MAX)
		return true;
	poll_add(table, &peer->room_queue);
	return atomic32_load(&peer->queued) <= UNIX_QUEUE_MAX;
}

static u32
unix_poll(struct file *file, struct poll_table *scoped table)
{
	struct unix_sock *sock = file->unix_sock;
	if (atomic32_load_relaxed(&sock->watched) == 0)
		atomic32_store(&sock->watched, 1);
	poll_add(table, &sock->read_queue);
	poll_add(table, &sock->write_queue);
	u32 shutdown = unix_shutdown_bits(sock), state = unix_state(sock), events = 0;
	if (atomic32_load(&sock->socket.error) != 0)
		events |= POLL_ERR;
	if (shutdown == SHUTDOWN_BOTH || (unix_connected_type(sock) && state == UNIX_CLOSED))
		events |= POLL_HUP;
	if ((shutdown & SHUTDOWN_RECEIVE) != 0)
		events |= POLL_RDHUP | POLL_IN | POLL_RDNORM;
	if (atomic32_load_acquire(&sock->queued) != 0 || atomic32_load_acquire(&sock->pending) != 0)
		events |= POLL_IN | POLL_RDNORM;
	if (state != UNIX_LISTENING && unix_may_send(sock) && peer_takes(sock, table))
		events |= POLL_OUT | POLL_WRNORM | POLL_WRBAND;
	return events;
}

/** Bytes to be read: all of a stream's, the first packet's of others. */
static u32
unix_readable(struct unix_sock *sock)
{
	MUTEX_SCOPE(&sock->lock);
	u32 bytes = 0;
	LIST_FOR(unix_packet_list, packet, &sock->queue) {
		bytes += packet->len;
		if (!unix_stream(sock))
			break;
	}
	return bytes;
}

static err_t
unix_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	(void)result;
	struct unix_sock *sock = file->unix_sock;
	if (command != SIOCINQ && command != SIOCOUTQ)
		return ENOTTY;
	if (command == SIOCINQ && unix_state(sock) == UNIX_LISTENING)
		return EINVAL;
	u32 bytes = command == SIOCINQ ? unix_readable(sock) : unix_sent(sock);
	return copy_out_value(UADDR(arg), bytes);
}

static void
unix_file_release(struct file *file)
{
	unix_close(file->unix_sock, false);
}

const struct file_ops unix_file_ops = {
	.read = unix_read,
	.write = unix_write,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.release = unix_file_release,
	.no_sigpipe = true,     /* streams raise it themselves, others do not */
	.stream = true,
};
