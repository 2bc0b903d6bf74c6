// SPDX-License-Identifier: MPL-2.0
/**
 * SCM_RIGHTS and SCM_CREDENTIALS to and from user memory (unix(7)).
 */
#include "socket_control.h"

#include <clock.h>
#include <thread.h>

enum : i32 { SOL_SOCKET = 1, SCM_RIGHTS = 1, SCM_CREDENTIALS = 2, SCM_TIMESTAMP = 29, SCM_TIMESTAMPNS = 35 };
enum : u32 { NOBODY = 65534 /* what stands for none, /proc/sys/kernel/overflowuid */ };
enum : u64 { CONTROL_MAX = 131072 /* net.core.optmem_max */ };

/** struct cmsghdr of x86-64. Plain data. */
struct cmsghdr { u64 len; i32 level, type; };
enum : u64 { HEADER = sizeof(struct cmsghdr) };

/** One more descriptor's file. */
static err_t
files_add(struct socket_files *files, i32 fd)
{
	struct file *file = nullptr;
	TRY(fd_get_any(fd, &file));
	*ELEM(files->items, files->count) = file;
	files->count += 1;
	return OK;
}

static err_t
rights_read(struct socket_message *scoped message, uaddr_t at, u64 len)
{
	u64 count = len / sizeof(i32);
	if (count == 0)
		return OK;
	if (count > SOCKET_FILES_MAX || (message->files != nullptr && message->files->count + count > SOCKET_FILES_MAX))
		return EINVAL;
	if (message->files == nullptr)
		message->files = socket_files_alloc();
	if (message->files == nullptr)
		return ENOMEM;
	for (u64 i = 0; i < count; i++) {
		i32 fd = -1;
		TRY(copy_in_value(fd, UADDR(at.raw + i * sizeof(fd))));
		TRY(files_add(message->files, fd));
	}
	return OK;
}

/** Whether the running thread may say that it is this one. */
static err_t
cred_check(const struct socket_cred *scoped given)
{
	const struct cred *cred = cred_current();
	if (given->pid != process_current()->pid && !capable(CAP_SYS_ADMIN))
		return EPERM;
	if (given->uid != cred->uid && given->uid != cred->euid && given->uid != cred->suid && !capable(CAP_SETUID))
		return EPERM;
	if (given->gid != cred->gid && given->gid != cred->egid && given->gid != cred->sgid && !capable(CAP_SETGID))
		return EPERM;
	REF_SCOPE(process, process);
	process = process_find(given->pid);
	return process != nullptr ? OK : ESRCH;
}

static err_t
cred_read(struct socket_message *scoped message, uaddr_t at, u64 len)
{
	struct socket_cred given = {};
	if (len != sizeof(given))
		return EINVAL;
	TRY(copy_in_value(given, at));
	TRY(cred_check(&given));
	message->cred = given;
	message->has_cred = true;
	return OK;
}

err_t
socket_control_read(struct socket_message *scoped message, uaddr_t at, u64 len)
{
	if (len > CONTROL_MAX)
		return ENOBUFS;
	for (u64 off = 0; off + HEADER <= len;) {
		struct cmsghdr header = {};
		TRY(copy_in_value(header, UADDR(at.raw + off)));
		if (header.len < HEADER || header.len > len - off)
			return EINVAL;
		uaddr_t data = UADDR(at.raw + off + HEADER);
		off += align_up(header.len, 8);
		if (header.level != SOL_SOCKET)
			continue;
		if (header.type == SCM_RIGHTS)
			TRY(rights_read(message, data, header.len - HEADER));
		else if (header.type == SCM_CREDENTIALS)
			TRY(cred_read(message, data, header.len - HEADER));
		else
			return EINVAL;
	}
	return OK;
}

/** Where the next item goes. */
struct control_place { u64 at, left; };

/** One item, cut where there is no room for all of it. */
static err_t
item_write(struct control_place *scoped place, struct socket_message *scoped message, i32 type, struct cbytes data)
{
	u64 whole = HEADER + cbytes_len(data);
	if (place->left < HEADER) {
		message->flags |= MSG_CTRUNC;
		return OK;
	}
	if (place->left < whole) {
		message->flags |= MSG_CTRUNC;
		whole = place->left;
	}
	struct cmsghdr header = { whole, SOL_SOCKET, type };
	TRY(copy_out_value(UADDR(place->at), header));
	TRY(copy_out(UADDR(place->at + HEADER), cbytes_sub(data, 0, whole - HEADER)));
	u64 space = MIN(align_up(whole, 8), place->left);
	place->at += space;
	place->left -= space;
	return OK;
}

static err_t
cred_write(struct control_place *scoped place, struct socket_message *scoped message)
{
	struct socket_cred cred = message->cred;
	if (cred.pid == 0)
		cred = (struct socket_cred){ 0, NOBODY, NOBODY };
	return item_write(place, message, SCM_CREDENTIALS, CBYTES_OF(cred));
}

/** SO_TIMESTAMP, SO_TIMESTAMPNS (socket(7)): when it was sent. */
static err_t
stamp_write(struct socket *socket, struct control_place *scoped place, struct socket_message *scoped message)
{
	struct timespec time = timespec_from_ns(message->stamp_ns);
	struct timeval micro = { time.sec, time.nsec / (i64)NS_PER_US };
	if (socket_option(socket, OPTION_TIMESTAMPNS))
		return item_write(place, message, SCM_TIMESTAMPNS, CBYTES_OF(time));
	return item_write(place, message, SCM_TIMESTAMP, CBYTES_OF(micro));
}

/** Gives each file a descriptor and writes that. => how many came through */
static u32
rights_install(struct socket_files *files, u32 max, uaddr_t at, bool cloexec)
{
	u32 done = 0;
	for (; done < MIN(files->count, max); done++) {
		i32 fd = -1;
		if (fd_reserve(0, cloexec, &fd) != OK)
			break;
		if (copy_out_value(UADDR(at.raw + done * sizeof(fd)), fd) != OK) {
			fd_unreserve(fd);
			break;
		}
		fd_fill(fd, *ELEM(files->items, done));
	}
	return done;
}

static err_t
rights_write(struct control_place *scoped place, struct socket_message *scoped message, bool cloexec)
{
	struct socket_files *files = message->files;
	u32 max = place->left < HEADER ? 0 : (u32)MIN((place->left - HEADER) / sizeof(i32), SOCKET_FILES_MAX);
	u32 done = rights_install(files, max, UADDR(place->at + HEADER), cloexec);
	if (done < files->count)
		message->flags |= MSG_CTRUNC;
	if (done == 0)
		return OK;
	u64 whole = HEADER + done * sizeof(i32), space = MIN(align_up(whole, 8), place->left);
	struct cmsghdr header = { whole, SOL_SOCKET, SCM_RIGHTS };
	TRY(copy_out_value(UADDR(place->at), header));
	place->at += space;
	place->left -= space;
	return OK;
}

err_t
socket_control_write(struct socket *socket, struct socket_message *scoped message, uaddr_t at, u64 len, bool cloexec, u64 *scoped used)
{
	struct control_place place = { at.raw, len };
	if (message->stamp_ns != 0)
		TRY(stamp_write(socket, &place, message));
	if (socket_option(socket, OPTION_PASSCRED))
		TRY(cred_write(&place, message));
	if (message->files != nullptr)
		TRY(rights_write(&place, message, cloexec));
	*used = len - place.left;
	return OK;
}
