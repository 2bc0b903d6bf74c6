// SPDX-License-Identifier: MPL-2.0
/**
 * Sending and receiving: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2) and their plural forms.
 */
#include "socket.h"
#include "socket_control.h"

#include <clock.h>
#include <signal.h>
#include <syscall_handlers.h>

/** struct msghdr and struct mmsghdr of x86-64. Plain data. */
struct msghdr { u64 name; u32 name_len, pad; u64 iov, iov_len, control, control_len; u32 flags, pad2; };
struct mmsghdr { struct msghdr header; u32 len, pad; };
enum : u64 { MMSG_STRIDE = sizeof(struct mmsghdr), MMSG_LEN_AT = sizeof(struct msghdr), MSG_CONTROL_LEN_AT = 40, MSG_FLAGS_AT = 48, MSG_NAME_LEN_AT = 8 };

static u32
wait_flags(struct file *file, u32 flags)
{
	return (atomic32_load_relaxed(&file->flags) & O_NONBLOCK) != 0 ? flags | MSG_DONTWAIT : flags;
}

/** What was moved counts; an error after that is told by the next call. */
static err_t
moved(u64 before, const struct uio *scoped uio, err_t err, u64 *scoped result)
{
	*result = before - uio->left;
	return *result != 0 ? OK : err;
}

err_t
sys_sendto(i32 fd, uaddr_t buf, u64 len, u32 flags, uaddr_t addr, i32 addrlen, u64 *scoped result)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	struct uio uio = uio_user(buf, len);
	u64 before = uio.left;
	flags = wait_flags(file, flags & ~(u32)MSG_CMSG_COMPAT);
	if (addr.raw == 0)
		return moved(before, &uio, socket->ops->send(socket, &uio, flags, nullptr, nullptr), result);
	struct socket_address address = {};
	TRY(socket_address_read(&address, addr, addrlen));
	return moved(before, &uio, socket->ops->send(socket, &uio, flags, &address, nullptr), result);
}

err_t
sys_recvfrom(i32 fd, uaddr_t buf, u64 len, u32 flags, uaddr_t addr, uaddr_t addrlen, u64 *scoped result)
{
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	struct uio uio = uio_user(buf, len);
	flags = wait_flags(file, flags);
	if (addr.raw == 0)
		return socket->ops->receive(socket, &uio, flags, nullptr, nullptr, result);
	struct socket_address address = {};
	TRY(socket->ops->receive(socket, &uio, flags, &address, nullptr, result));
	return socket_address_write(&address, addr, addrlen);
}

/** Name, data and control data of a message to be sent. The caller ends `uio` with uio_fini and drops message->files. */
static err_t
message_fetch(const struct msghdr *scoped header, struct socket_address *scoped address, struct uio *scoped uio,
              struct socket_message *scoped message)
{
	u32 name_len = header->name == 0 ? 0 : header->name_len;
	if ((i32)name_len < 0)
		return EINVAL;
	TRY(socket_address_read(address, UADDR(header->name), (i32)MIN(name_len, (u32)sizeof(address->bytes))));
	if (header->iov_len > IOV_MAX)
		return EMSGSIZE;
	if (header->control_len > 0x7fffffff)
		return ENOBUFS;
	if (header->control != 0 && header->control_len != 0)
		TRY(socket_control_read(message, UADDR(header->control), header->control_len));
	return uio_vector(uio, UADDR(header->iov), header->iov_len);
}

static err_t
message_send(struct file *file, struct socket *socket, uaddr_t at, u32 flags, u64 *scoped result)
{
	struct msghdr header = {};
	struct socket_address address = {};
	struct socket_message message = {};
	struct uio uio = {};
	TRY(copy_in_value(header, at));
	err_t err = message_fetch(&header, &address, &uio, &message);
	if (err == OK) {
		u64 before = uio.left;
		flags = wait_flags(file, flags & ~(u32)MSG_CMSG_COMPAT);
		if (address.len != 0)
			err = socket->ops->send(socket, &uio, flags, &address, &message);
		else
			err = socket->ops->send(socket, &uio, flags, nullptr, &message);
		err = moved(before, &uio, err, result);
		uio_fini(&uio);
	}
	if (message.files != nullptr)
		socket_files_drop(message.files);
	return err;
}

err_t
sys_sendmsg(i32 fd, uaddr_t msg, u32 flags, u64 *scoped result)
{
	if ((flags & MSG_CMSG_COMPAT) != 0)
		return EINVAL;
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	return message_send(file, socket, msg, flags, result);
}

/** Writes what goes with the received bytes back: control data, its length, the name, flags. */
static err_t
message_give(struct socket *socket, const struct msghdr *scoped header, uaddr_t at, u32 flags,
             const struct socket_address *scoped address, struct socket_message *scoped message)
{
	u64 control_len = header->control == 0 ? 0 : header->control_len, used = 0;
	TRY(socket_control_write(socket, message, UADDR(header->control), control_len, (flags & MSG_CMSG_CLOEXEC) != 0, &used));
	if (header->name != 0)
		TRY(socket_address_write(address, UADDR(header->name), UADDR(at.raw + MSG_NAME_LEN_AT)));
	u32 result_flags = message->flags | (flags & MSG_CMSG_CLOEXEC);
	TRY(copy_out_value(UADDR(at.raw + MSG_FLAGS_AT), result_flags));
	return copy_out_value(UADDR(at.raw + MSG_CONTROL_LEN_AT), used);
}

static err_t
message_receive(struct file *file, struct socket *socket, uaddr_t at, u32 flags, u64 *scoped result)
{
	struct msghdr header = {};
	struct socket_address address = {};
	struct socket_message message = {};
	struct uio uio = {};
	TRY(copy_in_value(header, at));
	if (header.name != 0 && (i32)header.name_len < 0)
		return EINVAL;
	if (header.iov_len > IOV_MAX)
		return EMSGSIZE;
	TRY(uio_vector(&uio, UADDR(header.iov), header.iov_len));
	err_t err = socket->ops->receive(socket, &uio, wait_flags(file, flags & ~(u32)(MSG_CMSG_CLOEXEC | MSG_WAITFORONE)), &address,
	                                 &message, result);
	uio_fini(&uio);
	if (err == OK)
		err = message_give(socket, &header, at, flags, &address, &message);
	if (message.files != nullptr)
		socket_files_drop(message.files);
	return err;
}

err_t
sys_recvmsg(i32 fd, uaddr_t msg, u32 flags, u64 *scoped result)
{
	if ((flags & MSG_CMSG_COMPAT) != 0)
		return EINVAL;
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	return message_receive(file, socket, msg, flags, result);
}

err_t
sys_sendmmsg(i32 fd, uaddr_t msgvec, u32 vlen, u32 flags, u64 *scoped result)
{
	if ((flags & MSG_CMSG_COMPAT) != 0)
		return EINVAL;
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	u32 done = 0;
	err_t err = OK;
	for (vlen = MIN(vlen, IOV_MAX); done < vlen && err == OK; done += err == OK ? 1 : 0) {
		u64 sent = 0;
		uaddr_t at = UADDR(msgvec.raw + done * MMSG_STRIDE);
		err = message_send(file, socket, at, flags, &sent);
		u32 len = (u32)sent;
		if (err == OK)
			err = copy_out_value(UADDR(at.raw + MMSG_LEN_AT), len);
	}
	*result = done;
	return done != 0 ? OK : err;
}

/** Receives up to vlen messages; all after the first without waiting, with MSG_WAITFORONE. */
static err_t
messages_receive(struct file *file, struct socket *socket, uaddr_t msgvec, u32 vlen, u32 flags, u64 deadline, u32 *scoped done)
{
	for (*done = 0; *done < vlen; *done += 1) {
		u64 received = 0;
		uaddr_t at = UADDR(msgvec.raw + *done * MMSG_STRIDE);
		TRY(message_receive(file, socket, at, flags, &received));
		u32 len = (u32)received;
		TRY(copy_out_value(UADDR(at.raw + MMSG_LEN_AT), len));
		if ((flags & MSG_WAITFORONE) != 0)
			flags |= MSG_DONTWAIT;
		/* The deadline is looked at between messages only, as on Linux (recvmmsg(2), "Bugs"). */
		if (deadline != TIME_NEVER && clock_now() >= deadline) {
			*done += 1;
			return OK;
		}
	}
	return OK;
}

err_t
sys_recvmmsg(i32 fd, uaddr_t msgvec, u32 vlen, u32 flags, uaddr_t timeout, u64 *scoped result)
{
	if ((flags & MSG_CMSG_COMPAT) != 0)
		return EINVAL;
	u64 deadline = TIME_NEVER;
	struct timespec limit = {};
	if (timeout.raw != 0) {
		TRY(copy_in_value(limit, timeout));
		if (!timespec_valid(limit))
			return EINVAL;
		deadline = deadline_after(timespec_to_ns(limit));
	}
	REF_SCOPE(file, file);
	struct socket *socket = nullptr;
	TRY(socket_get(fd, &file, &socket));
	TRY(socket_error_take(socket));
	u32 done = 0;
	err_t err = messages_receive(file, socket, msgvec, MIN(vlen, IOV_MAX), flags, deadline, &done);
	*result = done;
	if (done == 0)
		return err;
	if (err != OK && err != EAGAIN)
		atomic32_store(&socket->error, (u32)(err >= ERESTARTSYS ? EINTR : err));
	if (timeout.raw != 0) {
		u64 now = clock_now();
		limit = timespec_from_ns(deadline > now ? deadline - now : 0);
		TRY(copy_out_value(timeout, limit));
	}
	return OK;
}
