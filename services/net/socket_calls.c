// SPDX-License-Identifier: MPL-2.0
/**
 * Making, naming, connecting and closing sockets: socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), shutdown(2) …
 */
#include "socket_calls.h"

#include <syscall_handlers.h>

static err_t
type_check(i32 type)
{
	return ((u32)type & ~(u32)(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0 ? EINVAL : OK;
}

/** A new socket's file. */
static err_t
socket_open(i32 family, i32 type, i32 protocol, struct file **scoped out)
{
	struct object *private = nullptr;
	const struct socket_ops *ops = nullptr;
	TRY(socket_make(family, type, protocol, &private, &ops));
	err_t err = socket_file(ops, private, (u32)type, out);
	if (err != OK)
		ops->drop(private);
	return err;
}

err_t
sys_socket(i32 domain, i32 type, i32 protocol, u64 *scoped result)
{
	TRY(type_check(type));
	REF_SCOPE(file, file);
	TRY(socket_open(domain, type, protocol, &file));
	i32 fd = 0;
	TRY(fd_install(file, 0, ((u32)type & SOCK_CLOEXEC) != 0, &fd));
	*result = (u64)fd;
	return OK;
}

static err_t
sockets_pair(struct file *first, struct file *second)
{
	struct socket *socket = socket_of_file(first);
	return socket->ops->pair != nullptr ? socket->ops->pair(socket, socket_of_file(second)) : EOPNOTSUPP;
}

err_t
sys_socketpair(i32 domain, i32 type, i32 protocol, uaddr_t fds)
{
	TRY(type_check(type));
	bool cloexec = ((u32)type & SOCK_CLOEXEC) != 0;
	i32 pair[2] = { -1, -1 };
	TRY(fd_reserve(0, cloexec, ELEM(pair, 0)));
	err_t err = fd_reserve(0, cloexec, ELEM(pair, 1));
	if (err == OK)
		err = copy_out_value(fds, pair);
	REF_SCOPE(file, first);
	REF_SCOPE(file, second);
	if (err == OK)
		err = socket_open(domain, type, protocol, &first);
	if (err == OK)
		err = socket_open(domain, type, protocol, &second);
	if (err == OK)
		err = sockets_pair(first, second);
	if (err != OK) {
		fd_unreserve(pair[0]);
		if (pair[1] >= 0)
			fd_unreserve(pair[1]);
		return err;
	}
	fd_fill(pair[0], first);
	fd_fill(pair[1], second);
	return OK;
}

err_t
sys_bind(i32 fd, uaddr_t addr, i32 addrlen)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	struct socket_address address = {};
	TRY(socket_get(fd, &file, &socket));
	TRY(socket_address_read(&address, addr, addrlen));
	return socket->ops->bind != nullptr ? socket->ops->bind(socket, &address) : EOPNOTSUPP;
}

err_t
sys_listen(i32 fd, i32 backlog)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	u32 limit = MIN((u32)backlog, SOMAXCONN);
	return socket->ops->listen != nullptr ? socket->ops->listen(socket, limit) : EOPNOTSUPP;
}

/** MSG_DONTWAIT for files that do not block. */
static u32
wait_flags(struct file *file)
{
	return (atomic32_load_relaxed(&file->flags) & O_NONBLOCK) != 0 ? MSG_DONTWAIT : 0;
}

err_t
sys_connect(i32 fd, uaddr_t addr, i32 addrlen)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	struct socket_address address = {};
	TRY(socket_get(fd, &file, &socket));
	TRY(socket_address_read(&address, addr, addrlen));
	return socket->ops->connect != nullptr ? socket->ops->connect(socket, &address, wait_flags(file)) : EOPNOTSUPP;
}

/** The file of an accepted connection, and who is at its other end, written to user memory. */
static err_t
accept_file(struct socket *listener, struct object *private, u32 flags, uaddr_t addr, uaddr_t addrlen, struct file **scoped out)
{
	const struct socket_ops *ops = listener->ops;
	err_t err = socket_file(ops, private, flags, out);
	if (err != OK) {
		ops->drop(private);
		return err;
	}
	if (addr.raw == 0)
		return OK;
	struct socket_address address = {};
	if (ops->name(ops->socket(private), true, &address) != OK)
		return ECONNABORTED;
	return socket_address_write(&address, addr, addrlen);
}

err_t
sys_accept4(i32 fd, uaddr_t addr, uaddr_t addrlen, u32 flags, u64 *scoped result)
{
	if ((flags & ~(u32)(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0)
		return EINVAL;
	REF_SCOPE(file, file);
	REF_SCOPE(file, fresh);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	if (socket->ops->accept == nullptr)
		return EOPNOTSUPP;
	i32 slot = 0;
	TRY(fd_reserve(0, (flags & SOCK_CLOEXEC) != 0, &slot));
	struct object *private = nullptr;
	err_t err = socket->ops->accept(socket, wait_flags(file), &private);
	if (err == OK)
		err = accept_file(socket, private, flags, addr, addrlen, &fresh);
	if (err != OK) {
		fd_unreserve(slot);
		return err;
	}
	fd_fill(slot, fresh);
	*result = (u64)slot;
	return OK;
}

err_t
sys_accept(i32 fd, uaddr_t addr, uaddr_t addrlen, u64 *scoped result)
{
	return sys_accept4(fd, addr, addrlen, 0, result);
}

static err_t
name_write(i32 fd, uaddr_t addr, uaddr_t addrlen, bool peer)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	struct socket_address address = {};
	TRY(socket_get(fd, &file, &socket));
	TRY(socket->ops->name(socket, peer, &address));
	return socket_address_write(&address, addr, addrlen);
}

err_t
sys_getsockname(i32 fd, uaddr_t addr, uaddr_t addrlen)
{
	return name_write(fd, addr, addrlen, false);
}

err_t
sys_getpeername(i32 fd, uaddr_t addr, uaddr_t addrlen)
{
	return name_write(fd, addr, addrlen, true);
}

err_t
sys_shutdown(i32 fd, i32 how)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	if (how < 0 || how > 2)
		return EINVAL;
	return socket->ops->shutdown != nullptr ? socket->ops->shutdown(socket, (u32)how + 1) : EOPNOTSUPP;
}
