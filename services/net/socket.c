// SPDX-License-Identifier: MPL-2.0
/**
 * What all sockets have: errors, timeouts, addresses in user memory.
 */
#include "socket_calls.h"

#include <cadre/log.h>

#include <clock.h>
#include <thread.h>

OBJECT_DEFINE(socket_files);

/** One line a family. */
static const struct socket_ops *const families[] = { &unix_socket_ops };

void
socket_setup(struct socket *socket, const struct socket_ops *ops, struct object *self, u32 type, u32 protocol)
{
	socket->ops = ops;
	socket->self = self;
	socket->type = type;
	socket->protocol = protocol;
	atomic32_store_relaxed(&socket->send_limit, SOCKET_BUFFER_DEFAULT);
	atomic32_store_relaxed(&socket->receive_limit, SOCKET_BUFFER_DEFAULT);
	atomic32_store_relaxed(&socket->receive_low, 1);
}

err_t
socket_error_take(struct socket *socket)
{
	if (atomic32_load_relaxed(&socket->error) == 0)
		return OK;
	return (err_t)atomic32_exchange(&socket->error, 0);
}

u64
socket_deadline(struct socket *socket, bool sending)
{
	u64 timeout = atomic64_load_relaxed(sending ? &socket->send_timeout : &socket->receive_timeout);
	return timeout == 0 ? TIME_NEVER : deadline_after(timeout);
}

err_t
socket_wait_error(struct socket *socket, bool sending, err_t err)
{
	if (err == ETIMEDOUT)
		return EAGAIN;
	bool limited = atomic64_load_relaxed(sending ? &socket->send_timeout : &socket->receive_timeout) != 0;
	return err == EINTR && !limited ? ERESTARTSYS : err;
}

struct socket *
socket_of_file(struct file *file)
{
	for (u32 i = 0; i < COUNTOF(families); i++)
		if (file_is(file, families[i]->file_ops))
			return families[i]->socket(file->private);
	return nullptr;
}

err_t
socket_get(i32 fd, struct file **scoped file, struct socket **scoped socket)
{
	TRY(fd_get(fd, file));
	*socket = socket_of_file(*file);
	return *socket != nullptr ? OK : ENOTSOCK;
}

err_t
socket_address_read(struct socket_address *scoped address, uaddr_t at, i32 len)
{
	if (len < 0 || (u32)len > sizeof(address->bytes))
		return EINVAL;
	address->len = (u32)len;
	return len == 0 ? OK : copy_in(bytes_sub(BYTES_OF(address->bytes), 0, (u32)len), at);
}

err_t
socket_address_write(const struct socket_address *scoped address, uaddr_t at, uaddr_t len_at)
{
	i32 room = 0;
	TRY(copy_in_value(room, len_at));
	if (room < 0)
		return EINVAL;
	u32 len = MIN((u32)room, address->len);
	if (len != 0)
		TRY(copy_out(at, cbytes_sub(CBYTES_OF(address->bytes), 0, len)));
	i32 whole = (i32)address->len;
	return copy_out_value(len_at, whole);
}

struct socket_cred
socket_cred_current(void)
{
	const struct cred *cred = cred_current();
	struct thread *thread = thread_current_or_null();
	return (struct socket_cred){ thread != nullptr ? thread->process->pid : 0, cred->euid, cred->egid };
}

void
socket_files_drop(struct socket_files *files)
{
	for (u32 i = 0; i < files->count && i < SOCKET_FILES_MAX; i++)
		file_put(files->items[i]);
	files->count = 0;
	socket_files_put(files);
}

/** The family's table. => EAFNOSUPPORT, EINVAL */
static err_t
family_find(i32 family, u32 type, const struct socket_ops **scoped out)
{
	if (family < 0 || family >= (i32)AF_MAX)
		return EAFNOSUPPORT;
	if (type >= SOCK_MAX)
		return EINVAL;
	for (u32 i = 0; i < COUNTOF(families); i++) {
		if (families[i]->family == (u32)family) {
			*out = families[i];
			return OK;
		}
	}
	return EAFNOSUPPORT;
}

err_t
socket_make(i32 family, i32 type, i32 protocol, struct object **scoped out, const struct socket_ops **scoped ops)
{
	TRY(family_find(family, (u32)type & SOCK_TYPE_MASK, ops));
	return (*ops)->create((u32)type & SOCK_TYPE_MASK, (u32)protocol, out);
}

err_t
socket_file(const struct socket_ops *ops, struct object *private, u32 flags, struct file **scoped out)
{
	u32 file_flags = O_RDWR | ((flags & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0);
	TRY(file_create(ops->file_ops, private, file_flags, FILE_READ | FILE_WRITE, KIND_SOCKET, out));
	if (ops->opened != nullptr)
		ops->opened(private, *out);
	return OK;
}
