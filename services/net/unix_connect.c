// SPDX-License-Identifier: MPL-2.0
/**
 * The life of AF_UNIX sockets: made, connected, accepted, closed.
 *
 * A connecting socket makes its other end at once, with what it needs to be written to, and puts it on the listener's list; accept
 * gives it a file.
 */
#include "unix.h"

#include <cadre/boot.h>

#include <thread.h>

LIST_OF(unix_pending_list, struct unix_sock, pending_link);
ARRAY_DEFINE(frame_array, struct frame *);
OBJECT_DEFINE(unix_address);

static void
unix_sock_release(struct unix_sock *sock)
{
	if (sock->address != nullptr)
		unix_address_put(sock->address);
}
OBJECT_DEFINE_RELEASE(unix_sock);

struct unix_sock *
unix_peer_get(struct unix_sock *sock)
{
	SPIN_SCOPE(&sock->peer_lock);
	if (sock->peer != nullptr)
		unix_sock_get(sock->peer);
	return sock->peer;
}

u32
unix_sent(struct unix_sock *sock)
{
	if (!unix_stream(sock))
		return atomic32_load_relaxed(&sock->sent_charge);
	struct unix_sock *peer = POINTER_LOAD(sock->peer);
	return peer != nullptr ? atomic32_load_relaxed(&peer->queue_charge) : 0;
}

bool
unix_may_send(struct unix_sock *sock)
{
	return (u64)unix_sent(sock) * 4 <= atomic32_load_relaxed(&sock->socket.send_limit);
}

void
unix_tell_all(struct unix_sock *sock)
{
	poll_wake(&sock->read_queue, 0);
	poll_wake(&sock->write_queue, 0);
}

extern const struct socket_ops unix_socket_ops;

err_t
unix_make(u32 type, u32 protocol, struct unix_sock **scoped out)
{
	if (protocol != 0 && protocol != AF_UNIX)
		return EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return ESOCKTNOSUPPORT;
	struct unix_sock *sock = unix_sock_alloc();
	if (sock == nullptr)
		return ENOMEM;
	socket_setup(&sock->socket, &unix_socket_ops, unix_sock_object(sock), type, protocol);
	sock->socket.unix_sock = sock;
	sock->peer_cred = (struct socket_cred){ 0, ~(u32)0, ~(u32)0 };
	atomic32_store(&sock->backlog, UNIX_QUEUE_MAX);
	unix_list_add(sock);
	*out = sock;
	return OK;
}

err_t
unix_pair(struct socket *first, struct socket *second)
{
	struct unix_sock *a = unix_of(first), *b = unix_of(second);
	struct socket_cred cred = socket_cred_current();
	unix_sock_get(a);
	unix_sock_get(b);
	a->cred = b->cred = a->peer_cred = b->peer_cred = cred;
	POINTER_PUBLISH(a->peer, b);
	POINTER_PUBLISH(b->peer, a);
	if (unix_connected_type(a)) {
		atomic32_store(&a->state, UNIX_CONNECTED);
		atomic32_store(&b->state, UNIX_CONNECTED);
	}
	return OK;
}

err_t
unix_listen(struct socket *socket, u32 backlog)
{
	struct unix_sock *sock = unix_of(socket);
	if (!unix_connected_type(sock))
		return EOPNOTSUPP;
	if (POINTER_LOAD(sock->address) == nullptr)
		return EINVAL;
	{
		MUTEX_SCOPE(&sock->lock);
		if (unix_state(sock) == UNIX_CONNECTED)
			return EINVAL;
		atomic32_store(&sock->backlog, backlog);
		sock->cred = socket_cred_current();
		sock->peer_cred = sock->cred;
		atomic32_store(&sock->state, UNIX_LISTENING);
	}
	poll_wake(&sock->room_queue, POLL_OUT);
	return OK;
}

static void
pending_push(struct unix_sock *listener, struct unix_sock *fresh) MUST_HOLD(&listener->lock)
{
	struct unix_pending_list list = { listener->pending_head, listener->pending_tail };
	unix_pending_list_push_back(&list, fresh);
	listener->pending_head = list.head;
	listener->pending_tail = list.tail;
	(void)atomic32_add(&listener->pending, 1);
}

static struct unix_sock *
pending_pop(struct unix_sock *listener) MUST_HOLD(&listener->lock)
{
	struct unix_pending_list list = { listener->pending_head, listener->pending_tail };
	struct unix_sock *fresh = unix_pending_list_pop_front(&list);
	listener->pending_head = list.head;
	listener->pending_tail = list.tail;
	if (fresh != nullptr)
		(void)atomic32_sub(&listener->pending, 1);
	return fresh;
}

static bool
backlog_full(struct unix_sock *listener)
{
	return atomic32_load(&listener->pending) > atomic32_load(&listener->backlog);
}

static bool
listening(struct unix_sock *listener)
{
	return unix_state(listener) == UNIX_LISTENING && (unix_shutdown_bits(listener) & SHUTDOWN_RECEIVE) == 0;
}

/** Puts the other end of `sock` on the listener's list. => ECONNREFUSED, EAGAIN: the list is full; EISCONN, EINVAL */
static err_t
connection_queue(struct unix_sock *sock, struct unix_sock *listener, struct unix_sock *fresh)
{
	MUTEX_SCOPE(&listener->lock);
	if (!listening(listener))
		return ECONNREFUSED;
	if (backlog_full(listener))
		return EAGAIN;
	u32 closed = UNIX_CLOSED;
	if (!atomic32_cas(&sock->state, &closed, UNIX_CONNECTED))
		return closed == UNIX_CONNECTED ? EISCONN : EINVAL;
	unix_sock_get(sock);
	fresh->peer = sock;
	fresh->peer_cred = socket_cred_current();
	fresh->address = listener->address;
	unix_address_get(fresh->address);
	atomic32_store(&fresh->state, UNIX_CONNECTED);
	unix_sock_get(fresh);
	sock->peer_cred = listener->cred;
	POINTER_PUBLISH(sock->peer, fresh);
	unix_set_listener(fresh, listener);
	pending_push(listener, fresh);
	return OK;
}

/** Connects where the listener is known; waits while its list is full. */
static err_t
connection_make(struct unix_sock *sock, struct unix_sock *listener, u32 flags, u64 deadline)
{
	struct unix_sock *fresh = nullptr;
	TRY(unix_make(sock->socket.type, 0, &fresh));
	err_t err = connection_queue(sock, listener, fresh);
	while (err == EAGAIN && (flags & MSG_DONTWAIT) == 0) {
		err = WAIT_UNTIL(&listener->room_queue.wait, !backlog_full(listener) || !listening(listener), WAIT_INTERRUPTIBLE, deadline);
		err = err == OK ? connection_queue(sock, listener, fresh) : socket_wait_error(&sock->socket, true, err);
	}
	if (err != OK)
		unix_close(fresh, true);
	else
		(void)poll_wake_one(&listener->read_queue, POLL_IN | POLL_RDNORM);
	return err;
}

static err_t
stream_connect(struct unix_sock *sock, const struct socket_address *scoped address, u32 flags)
{
	if (socket_option(&sock->socket, OPTION_PASSCRED) && POINTER_LOAD(sock->address) == nullptr)
		TRY(unix_autobind(sock));
	REF_SCOPE(unix_sock, listener);
	TRY(unix_find(address, sock->socket.type, &listener));
	TRY(connection_make(sock, listener, flags, socket_deadline(&sock->socket, true)));
	unix_tell_all(sock);
	return OK;
}

/** A datagram socket's peer becomes `other`, or none; it may be sent to from elsewhere only where it has none itself. */
static err_t
dgram_connect(struct unix_sock *sock, const struct socket_address *scoped address)
{
	REF_SCOPE(unix_sock, other);
	u32 family = address->bytes[0] | (u32)address->bytes[1] << 8;
	if (family != AF_UNSPEC) {
		if (socket_option(&sock->socket, OPTION_PASSCRED) && POINTER_LOAD(sock->address) == nullptr)
			TRY(unix_autobind(sock));
		TRY(unix_find(address, sock->socket.type, &other));
		struct unix_sock *theirs = POINTER_LOAD(other->peer);
		if (theirs != nullptr && theirs != sock)
			return EPERM;
		sock->peer_cred = other->cred;
	}
	{
		SPIN_SCOPE(&sock->peer_lock);
		struct unix_sock *before = sock->peer;
		POINTER_PUBLISH(sock->peer, other);
		other = before;     /* put at the end */
	}
	if (other != nullptr)
		poll_wake(&sock->write_queue, POLL_OUT | POLL_WRNORM | POLL_WRBAND);
	return OK;
}

err_t
unix_connect(struct socket *socket, const struct socket_address *scoped address, u32 flags)
{
	struct unix_sock *sock = unix_of(socket);
	if (address->len < UNIX_PATH_AT)
		return EINVAL;
	if (unix_connected_type(sock))
		return stream_connect(sock, address, flags);
	return dgram_connect(sock, address);
}

static struct unix_sock *
pending_take(struct unix_sock *listener)
{
	MUTEX_SCOPE(&listener->lock);
	return pending_pop(listener);
}

err_t
unix_accept(struct socket *socket, u32 flags, struct object **scoped out)
{
	struct unix_sock *sock = unix_of(socket);
	if (!unix_connected_type(sock))
		return EOPNOTSUPP;
	if (unix_state(sock) != UNIX_LISTENING)
		return EINVAL;
	u64 deadline = socket_deadline(socket, false);
	for (;;) {
		bool full = backlog_full(sock);
		struct unix_sock *fresh = pending_take(sock);
		if (fresh != nullptr) {
			unix_set_listener(fresh, nullptr);
			if (full || atomic32_load(&sock->pending) == atomic32_load(&sock->backlog))
				poll_wake(&sock->room_queue, POLL_OUT);
			*out = unix_sock_object(fresh);
			return OK;
		}
		if ((unix_shutdown_bits(sock) & SHUTDOWN_RECEIVE) != 0)
			return EINVAL;
		if ((flags & MSG_DONTWAIT) != 0)
			return EAGAIN;
		err_t err = WAIT_UNTIL(&sock->read_queue.wait,
		                       atomic32_load(&sock->pending) != 0 || (unix_shutdown_bits(sock) & SHUTDOWN_RECEIVE) != 0,
		                       WAIT_INTERRUPTIBLE, deadline);
		if (err != OK)
			return socket_wait_error(socket, false, err);
	}
}

/** Empties the queue. => whether there was anything */
static bool
queue_flush(struct unix_sock *sock)
{
	struct unix_packet_list packets = {};
	{
		MUTEX_SCOPE(&sock->lock);
		packets = sock->queue;
		sock->queue = (struct unix_packet_list){};
		atomic32_store(&sock->queued, 0);
		atomic32_store(&sock->queue_charge, 0);
		if (sock->spare != nullptr)
			unix_packet_free(sock->spare);
		sock->spare = nullptr;
	}
	bool any = !unix_packet_list_empty(&packets);
	for (struct unix_packet *packet = unix_packet_list_pop_front(&packets); packet != nullptr;
	     packet = unix_packet_list_pop_front(&packets))
		unix_packet_free(packet);
	return any;
}

static void
pending_close(struct unix_sock *listener)
{
	for (struct unix_sock *fresh = pending_take(listener); fresh != nullptr; fresh = pending_take(listener))
		unix_close(fresh, true);
}

void
unix_close(struct unix_sock *sock, bool embryo)
{
	unix_set_file(sock, nullptr);
	unix_unbind(sock);
	unix_list_remove(sock);
	bool was_listening = unix_state(sock) == UNIX_LISTENING;
	atomic32_store(&sock->state, UNIX_CLOSED);
	atomic32_store(&sock->shutdown, SHUTDOWN_BOTH);
	atomic32_store(&sock->dead, 1);
	bool unread = queue_flush(sock);
	if (was_listening)
		pending_close(sock);
	struct unix_sock *peer = nullptr;
	{
		SPIN_SCOPE(&sock->peer_lock);
		peer = sock->peer;
		POINTER_PUBLISH(sock->peer, nullptr);
	}
	poll_queue_close(&sock->room_queue);
	if (peer != nullptr) {
		if (unix_connected_type(sock)) {
			if (unread || embryo)
				atomic32_store(&peer->socket.error, ECONNRESET);
			atomic32_store(&peer->shutdown, SHUTDOWN_BOTH);
			unix_tell_all(peer);
		}
		unix_sock_put(peer);
	}
	unix_sock_put_rcu(sock);
	unix_collect();
}
