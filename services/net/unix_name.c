// SPDX-License-Identifier: MPL-2.0
/**
 * Names of AF_UNIX sockets: in the file system, abstract, and made up; and the list of all sockets.
 */
#include "unix.h"

#include <thread.h>

LIST_OF(unix_name_list, struct unix_sock, name_link);
LIST_OF(unix_all_list, struct unix_sock, all_link);

enum : u32 { NAME_BUCKETS = 64 };
static struct name_bucket {
	struct spin_lock lock;
	struct unix_name_list names GUARDED_BY(&lock);
} buckets[NAME_BUCKETS];

static struct all_sockets {
	struct spin_lock lock;
	struct unix_all_list sockets GUARDED_BY(&lock);
} all;

static struct atomic32 autobind_next;

void
unix_list_add(struct unix_sock *sock)
{
	SPIN_SCOPE(&all.lock);
	unix_all_list_push_back(&all.sockets, sock);
}

void
unix_list_remove(struct unix_sock *sock)
{
	SPIN_SCOPE(&all.lock);
	unix_all_list_remove(&all.sockets, sock);
}

/** Abstract names of different types do not meet: the type is part of the key. */
static u32
name_hash(const struct unix_address *address, u32 type)
{
	u32 hash = 2166136261u;
	for (u32 i = UNIX_PATH_AT; i < address->len && i < COUNTOF(address->bytes); i++)
		hash = (hash ^ address->bytes[i]) * 16777619u;
	return (hash ^ (hash >> 16) ^ type) % NAME_BUCKETS;
}

static bool
name_same(const struct unix_address *a, const struct unix_address *b)
{
	return a->len == b->len && cbytes_equal(cbytes_sub(CBYTES_OF(a->bytes), 0, a->len), cbytes_sub(CBYTES_OF(b->bytes), 0, b->len));
}

static struct unix_sock *
name_find_locked(struct name_bucket *bucket, const struct unix_address *address, u32 type) MUST_HOLD(&bucket->lock)
{
	LIST_FOR(unix_name_list, sock, &bucket->names)
		if (sock->socket.type == type && name_same(sock->address, address))
			return sock;
	return nullptr;
}

/** Binds to an abstract name. => EADDRINUSE */
static err_t
name_insert(struct unix_sock *sock, struct unix_address *address) MUST_HOLD(&sock->bind_lock)
{
	u32 index = name_hash(address, sock->socket.type);
	struct name_bucket *bucket = ELEM(buckets, index);
	SPIN_SCOPE(&bucket->lock);
	if (name_find_locked(bucket, address, sock->socket.type) != nullptr)
		return EADDRINUSE;
	unix_address_get(address);
	POINTER_PUBLISH(sock->address, address);
	sock->name_bucket = index + 1;
	unix_name_list_push_back(&bucket->names, sock);
	return OK;
}

static err_t
find_abstract(struct unix_address *address, u32 type, struct unix_sock **scoped out)
{
	struct name_bucket *bucket = ELEM(buckets, name_hash(address, type));
	SPIN_SCOPE(&bucket->lock);
	struct unix_sock *sock = name_find_locked(bucket, address, type);
	if (sock == nullptr)
		return ECONNREFUSED;
	unix_sock_get(sock);
	*out = sock;
	return OK;
}

/** The name as it is kept: a path ends in one NUL. => EINVAL, ENOMEM */
static err_t
address_make(const struct socket_address *scoped given, struct unix_address **scoped out)
{
	if (given->len <= UNIX_PATH_AT || given->len > UNIX_ADDRESS_MAX || given->bytes[0] != AF_UNIX || given->bytes[1] != 0)
		return EINVAL;
	struct unix_address *address = unix_address_alloc();
	if (address == nullptr)
		return ENOMEM;
	bytes_copy(bytes_sub(BYTES_OF(address->bytes), 0, given->len), cbytes_sub(CBYTES_OF(given->bytes), 0, given->len));
	address->len = given->len;
	if (address->bytes[UNIX_PATH_AT] != 0) {
		u32 len = UNIX_PATH_AT;
		while (len < given->len && *ELEM(address->bytes, len) != 0)
			len++;
		address->len = len + 1;
		*ELEM(address->bytes, len) = 0;
	}
	*out = address;
	return OK;
}

static bool
address_abstract(const struct unix_address *address)
{
	return address->bytes[UNIX_PATH_AT] == 0;
}

/** The socket bound to a file, if it is one that may be written to. */
static err_t
find_path(struct unix_address *address, u32 type, struct unix_sock **scoped out)
{
	struct path path = {};
	TRY(path_lookup(cbytes_sub(CBYTES_OF(address->bytes), UNIX_PATH_AT, address->len - UNIX_PATH_AT - 1), WALK_FOLLOW, &path));
	struct inode *inode = path.dentry->inode;
	err_t err = inode_permission(inode, MAY_WRITE);
	if (err == OK && (POINTER_LOAD(inode->mode) & S_IFMT) != S_IFSOCK)
		err = ECONNREFUSED;
	if (err == OK) {
		RW_READ_SCOPE(&inode->lock);
		struct unix_sock *sock = inode->socket != nullptr ? unix_sock_from(inode->socket) : nullptr;
		if (sock == nullptr)
			err = ECONNREFUSED;
		else if (sock->socket.type != type)
			err = EPROTOTYPE;
		else
			unix_sock_get(sock);
		if (err == OK)
			*out = sock;
	}
	path_put(&path);
	return err;
}

err_t
unix_find(const struct socket_address *scoped given, u32 type, struct unix_sock **scoped out)
{
	REF_SCOPE(unix_address, address);
	TRY(address_make(given, &address));
	return address_abstract(address) ? find_abstract(address, type, out) : find_path(address, type, out);
}

/** Makes the file of the name and binds it. */
static err_t
bind_path(struct unix_sock *sock, struct unix_address *address) MUST_HOLD(&sock->bind_lock)
{
	struct cbytes name = cbytes_sub(CBYTES_OF(address->bytes), UNIX_PATH_AT, address->len - UNIX_PATH_AT - 1);
	err_t err = path_mknod(name, S_IFSOCK | (0777 & ~fs_umask()), 0, 0);
	if (err != OK)
		return err == EEXIST ? EADDRINUSE : err;
	if (sock->address != nullptr) {     /* Linux finds the name in use first, so it is made first */
		err = path_remove(name, false);
		return err == OK ? EINVAL : err;
	}
	TRY(path_lookup(name, 0, &sock->path));
	struct inode *inode = sock->path.dentry->inode;
	RW_WRITE_SCOPE(&inode->lock);
	if (inode->socket != nullptr)
		return EADDRINUSE;
	inode->socket = unix_sock_object(sock);
	unix_address_get(address);
	POINTER_PUBLISH(sock->address, address);
	return OK;
}

static u8
hex_digit(u32 value)
{
	return (u8)(value < 10 ? '0' + value : 'a' + value - 10);
}

/** A name of five hexadecimal digits that nobody has (unix(7), "Autobind feature"). */
static err_t
autobind_locked(struct unix_sock *sock) MUST_HOLD(&sock->bind_lock)
{
	if (sock->address != nullptr)
		return OK;
	for (u32 tries = 0; tries <= 0xfffff; tries++) {
		REF_SCOPE(unix_address, address);
		address = unix_address_alloc();
		if (address == nullptr)
			return ENOMEM;
		u32 number = atomic32_add(&autobind_next, 1) & 0xfffff;
		address->len = UNIX_PATH_AT + 6;
		address->bytes[0] = AF_UNIX;
		for (u32 i = 0; i < 5; i++)
			*ELEM(address->bytes, UNIX_PATH_AT + 1 + i) = hex_digit(number >> (16 - 4 * i) & 0xf);
		err_t err = name_insert(sock, address);
		if (err != EADDRINUSE)
			return err;
	}
	return ENOSPC;
}

err_t
unix_autobind(struct unix_sock *sock)
{
	MUTEX_SCOPE(&sock->bind_lock);
	return autobind_locked(sock);
}

err_t
unix_bind(struct socket *socket, const struct socket_address *scoped given)
{
	struct unix_sock *sock = unix_of(socket);
	if (given->len == UNIX_PATH_AT && given->bytes[0] == AF_UNIX && given->bytes[1] == 0)
		return unix_autobind(sock);
	REF_SCOPE(unix_address, address);
	TRY(address_make(given, &address));
	MUTEX_SCOPE(&sock->bind_lock);
	if (!address_abstract(address))
		return bind_path(sock, address);
	return sock->address != nullptr ? EINVAL : name_insert(sock, address);
}

/** Its file's inode forgets the socket; the file itself stays (unix(7)). */
static void
path_unbind(struct unix_sock *sock) MUST_HOLD(&sock->bind_lock)
{
	struct inode *inode = sock->path.dentry->inode;
	{
		RW_WRITE_SCOPE(&inode->lock);
		if (inode->socket == unix_sock_object(sock))
			inode->socket = nullptr;
	}
	struct path path = sock->path;
	sock->path = (struct path){};
	path_put(&path);
}

void
unix_unbind(struct unix_sock *sock)
{
	MUTEX_SCOPE(&sock->bind_lock);
	if (sock->name_bucket != 0) {
		struct name_bucket *bucket = ELEM(buckets, sock->name_bucket - 1);
		SPIN_SCOPE(&bucket->lock);
		unix_name_list_remove(&bucket->names, sock);
		sock->name_bucket = 0;
	}
	if (sock->path.dentry != nullptr)
		path_unbind(sock);
}

void
unix_name_copy(struct unix_sock *sock, struct socket_address *scoped out)
{
	struct unix_address *address = POINTER_LOAD(sock->address);
	out->len = UNIX_PATH_AT;
	out->bytes[0] = AF_UNIX;
	out->bytes[1] = 0;
	if (address == nullptr)
		return;
	out->len = address->len;
	bytes_copy(bytes_sub(BYTES_OF(out->bytes), 0, address->len), cbytes_sub(CBYTES_OF(address->bytes), 0, address->len));
}

/** One line as Linux has it; the name with `@` for each NUL of an abstract one. */
static size_t
line_text(struct unix_sock *sock, struct bytes text)
{
	static const u32 states[] = { 1, 1, 3 };
	u32 state = unix_state(sock);
	size_t len = format_text(text, "0000000000000000: 00000002 00000000 {}", state == UNIX_LISTENING ? TEXT("00010000") : TEXT("00000000"));
	len += format_text(bytes_from(text, MIN(len, bytes_len(text))), " 000{} 0{} {}", sock->socket.type, *ELEM(states, state), sock->ino);
	struct unix_address *address = POINTER_LOAD(sock->address);
	if (address != nullptr) {
		u8 name[UNIX_PATH_MAX + 2] = {};
		u32 count = 0;
		for (u32 i = UNIX_PATH_AT; i < address->len && count < sizeof(name); i++) {
			u8 c = *ELEM(address->bytes, i);
			if (c == 0 && !address_abstract(address))
				break;
			*ELEM(name, count) = c == 0 ? '@' : c;
			count++;
		}
		len += format_text(bytes_from(text, MIN(len, bytes_len(text))), " {}", cbytes_sub(CBYTES_OF(name), 0, count));
	}
	return len + format_text(bytes_from(text, MIN(len, bytes_len(text))), "\n");
}

/** The n-th socket, with a reference. */
static struct unix_sock *
list_at(u64 n)
{
	SPIN_SCOPE(&all.lock);
	LIST_FOR(unix_all_list, sock, &all.sockets) {
		if (n == 0) {
			unix_sock_get(sock);
			return sock;
		}
		n--;
	}
	return nullptr;
}

size_t
unix_proc_text(u64 *scoped line, struct bytes text)
{
	size_t used = 0;
	if (*line == 0) {
		used = format_text(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
		*line = 1;
	}
	for (;;) {
		REF_SCOPE(unix_sock, sock);
		sock = list_at(*line - 1);
		if (sock == nullptr)
			return used;
		struct bytes rest = bytes_from(text, MIN(used, bytes_len(text)));
		size_t len = line_text(sock, rest);
		if (len > bytes_len(rest))
			return used;
		used += len;
		*line += 1;
	}
}
