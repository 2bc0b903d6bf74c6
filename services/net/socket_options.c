// SPDX-License-Identifier: MPL-2.0
/**
 * setsockopt(2) and getsockopt(2), level SOL_SOCKET (socket(7)).
 *
 * Most options are a bit or a number of the socket: they are rows of a table. The rest have functions.
 */
#include "socket.h"

#include <clock.h>
#include <syscall_handlers.h>
#include <thread.h>

enum : i32 { SOL_SOCKET = 1 };
enum socket_option_name : i32 {
	SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE,
	SO_PRIORITY = 12, SO_LINGER, SO_REUSEPORT = 15, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO,
	SO_TIMESTAMP = 29, SO_ACCEPTCONN, SO_PEERSEC, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PASSSEC, SO_TIMESTAMPNS, SO_MARK,
	SO_PROTOCOL = 38, SO_DOMAIN, SO_PEERGROUPS = 59,
};

struct linger { i32 on, seconds; };

static const struct { i32 name; u32 bit; } switches[] = {
	{ SO_DEBUG, OPTION_DEBUG }, { SO_REUSEADDR, OPTION_REUSEADDR }, { SO_DONTROUTE, OPTION_DONTROUTE },
	{ SO_BROADCAST, OPTION_BROADCAST }, { SO_KEEPALIVE, OPTION_KEEPALIVE }, { SO_OOBINLINE, OPTION_OOBINLINE },
	{ SO_REUSEPORT, OPTION_REUSEPORT }, { SO_PASSCRED, OPTION_PASSCRED }, { SO_TIMESTAMP, OPTION_TIMESTAMP },
	{ SO_TIMESTAMPNS, OPTION_TIMESTAMPNS }, { SO_PASSSEC, OPTION_PASSSEC },
};

static u32
switch_bit(i32 name)
{
	for (u32 i = 0; i < COUNTOF(switches); i++)
		if (switches[i].name == name)
			return switches[i].bit;
	return 0;
}

static err_t
switch_set(struct socket *socket, u32 bit, i32 value)
{
	if (bit == OPTION_DEBUG && value != 0 && !capable(CAP_NET_ADMIN))
		return EACCES;
	if ((bit & OPTION_STAMPS) != 0)
		(void)atomic32_and(&socket->options, ~(u32)OPTION_STAMPS);
	if (value != 0)
		(void)atomic32_or(&socket->options, bit);
	else
		(void)atomic32_and(&socket->options, ~bit);
	return OK;
}

/** Twice what is asked for, as Linux does for its own overhead (socket(7)). */
static void
buffer_set(struct socket *socket, struct atomic32 *limit, i32 value, u32 min, bool force)
{
	u32 asked = value < 0 ? 0 : (u32)value;
	if (value < 0 || (!force && asked > SOCKET_BUFFER_DEFAULT))
		asked = force && value < 0 ? 0 : SOCKET_BUFFER_DEFAULT;
	asked = MIN(asked, (u32)0x3fffffff);
	atomic32_store(limit, MAX(asked * 2, min));
	if (socket->ops->limits_changed != nullptr)
		socket->ops->limits_changed(socket);
}

static err_t
timeout_set(struct atomic64 *timeout, uaddr_t at, i32 len)
{
	struct timeval tv = {};
	if (len < (i32)sizeof(tv))
		return EINVAL;
	TRY(copy_in_value(tv, at));
	if (tv.usec < 0 || tv.usec >= 1000000)
		return EDOM;
	if (tv.sec < 0) {
		atomic64_store(timeout, 1);     /* over at once */
		return OK;
	}
	u64 ns = timespec_to_ns((struct timespec){ tv.sec, tv.usec * (i64)NS_PER_US });
	atomic64_store(timeout, ns >= TIME_NEVER - 1 ? 0 : ns);
	return OK;
}

static err_t
linger_set(struct socket *socket, uaddr_t at, i32 len)
{
	struct linger linger = {};
	if (len < (i32)sizeof(linger))
		return EINVAL;
	TRY(copy_in_value(linger, at));
	atomic32_store(&socket->linger, (u32)linger.seconds);
	return switch_set(socket, OPTION_LINGER, linger.on);
}

static err_t
number_set(struct socket *socket, i32 name, i32 value)
{
	bool admin = capable(CAP_NET_ADMIN);
	switch (name) {
	case SO_SNDBUF:
		buffer_set(socket, &socket->send_limit, value, SOCKET_SEND_MIN, false);
		return OK;
	case SO_RCVBUF:
		buffer_set(socket, &socket->receive_limit, value, SOCKET_RECEIVE_MIN, false);
		return OK;
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!admin)
			return EPERM;
		if (name == SO_SNDBUFFORCE)
			buffer_set(socket, &socket->send_limit, value, SOCKET_SEND_MIN, true);
		else
			buffer_set(socket, &socket->receive_limit, value, SOCKET_RECEIVE_MIN, true);
		return OK;
	case SO_RCVLOWAT:
		atomic32_store(&socket->receive_low, value < 0 ? 0x7fffffff : value == 0 ? 1 : (u32)value);
		return OK;
	case SO_PRIORITY:
		if ((value < 0 || value > 6) && !admin)
			return EPERM;
		atomic32_store(&socket->priority, (u32)value);
		return OK;
	case SO_MARK:
		if (!admin)
			return EPERM;
		atomic32_store(&socket->mark, (u32)value);
		return OK;
	default:
		return ENOPROTOOPT;
	}
}

err_t
sys_setsockopt(i32 fd, i32 level, i32 optname, uaddr_t optval, i32 optlen)
{
	if (optlen < 0)
		return EINVAL;
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	if (level != SOL_SOCKET)
		return EOPNOTSUPP;
	i32 value = 0;
	if (optlen < (i32)sizeof(value))
		return EINVAL;
	TRY(copy_in_value(value, optval));
	if (optname == SO_RCVTIMEO || optname == SO_SNDTIMEO)
		return timeout_set(optname == SO_SNDTIMEO ? &socket->send_timeout : &socket->receive_timeout, optval, optlen);
	if (optname == SO_LINGER)
		return linger_set(socket, optval, optlen);
	u32 bit = switch_bit(optname);
	return bit != 0 ? switch_set(socket, bit, value) : number_set(socket, optname, value);
}

/** Copies out at most *room bytes of a value; *room becomes what was copied. */
static err_t
value_write(uaddr_t at, uaddr_t len_at, i32 room, struct cbytes value)
{
	i32 len = MIN(room, (i32)cbytes_len(value));
	TRY(copy_out(at, cbytes_sub(value, 0, (u32)len)));
	return copy_out_value(len_at, len);
}

static err_t
timeout_get(struct atomic64 *timeout, uaddr_t at, uaddr_t len_at, i32 room)
{
	u64 ns = atomic64_load(timeout);
	struct timeval tv = { (i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC / NS_PER_US) };
	return value_write(at, len_at, room, CBYTES_OF(tv));
}

static err_t
peer_cred_get(struct socket *socket, uaddr_t at, uaddr_t len_at, i32 room)
{
	if (socket->ops->peer_cred == nullptr)
		return ENOPROTOOPT;
	struct socket_cred cred = socket->ops->peer_cred(socket);
	return value_write(at, len_at, room, CBYTES_OF(cred));
}

static err_t
number_get(struct socket *socket, i32 name, i32 *scoped value)
{
	switch (name) {
	case SO_TYPE:
		*value = (i32)socket->type;
		return OK;
	case SO_DOMAIN:
		*value = (i32)socket->ops->family;
		return OK;
	case SO_PROTOCOL:
		*value = (i32)socket->protocol;
		return OK;
	case SO_ERROR:
		*value = (i32)socket_error_take(socket);
		return OK;
	case SO_ACCEPTCONN:
		*value = socket->ops->listening != nullptr && socket->ops->listening(socket) ? 1 : 0;
		return OK;
	case SO_SNDBUF:
		*value = (i32)atomic32_load(&socket->send_limit);
		return OK;
	case SO_RCVBUF:
		*value = (i32)atomic32_load(&socket->receive_limit);
		return OK;
	case SO_RCVLOWAT:
		*value = (i32)atomic32_load(&socket->receive_low);
		return OK;
	case SO_SNDLOWAT:
		*value = 1;
		return OK;
	case SO_PRIORITY:
		*value = (i32)atomic32_load(&socket->priority);
		return OK;
	case SO_MARK:
		*value = (i32)atomic32_load(&socket->mark);
		return OK;
	default:
		return ENOPROTOOPT;
	}
}

err_t
sys_getsockopt(i32 fd, i32 level, i32 optname, uaddr_t optval, uaddr_t optlen)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	if (level != SOL_SOCKET)
		return EOPNOTSUPP;
	i32 room = 0;
	TRY(copy_in_value(room, optlen));
	if (room < 0)
		return EINVAL;
	u32 bit = switch_bit(optname);
	i32 value = bit != 0 && socket_option(socket, bit) ? 1 : 0;
	struct linger linger = { socket_option(socket, OPTION_LINGER) ? 1 : 0, (i32)atomic32_load(&socket->linger) };
	switch (optname) {
	case SO_RCVTIMEO:
		return timeout_get(&socket->receive_timeout, optval, optlen, room);
	case SO_SNDTIMEO:
		return timeout_get(&socket->send_timeout, optval, optlen, room);
	case SO_PEERCRED:
		return peer_cred_get(socket, optval, optlen, room);
	case SO_LINGER:
		return value_write(optval, optlen, room, CBYTES_OF(linger));
	default:
		if (bit == 0)
			TRY(number_get(socket, optname, &value));
		return value_write(optval, optlen, room, CBYTES_OF(value));
	}
}
