// SPDX-License-Identifier: MPL-2.0
/**
 * Sockets: what the system calls and the options of all families share, and the table by which a family serves them.
 *
 * A family's object has a `struct socket` in it; its files have the family's file_ops, by which a call finds the family. So a new
 * family is one folder or file, and a line in socket_families (socket_calls.c).
 *
 * Source: socket(2), socket(7), send(2), recv(2), cmsg(3).
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/object.h>
#include <cadre/sync.h>

#include <file.h>
#include <poll.h>
#include <uio.h>

enum socket_family : u32 { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_MAX = 46 };
enum socket_type : u32 { SOCK_STREAM = 1, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET = 10, SOCK_MAX = 11,
	SOCK_TYPE_MASK = 0xf, SOCK_CLOEXEC = O_CLOEXEC, SOCK_NONBLOCK = O_NONBLOCK };
enum message_flags : u32 {
	MSG_OOB = 1, MSG_PEEK = 2, MSG_DONTROUTE = 4, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80, MSG_WAITALL = 0x100,
	MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000, MSG_MORE = 0x8000, MSG_WAITFORONE = 0x10000, MSG_CMSG_CLOEXEC = 0x40000000,
	MSG_CMSG_COMPAT = 0x80000000,
};
enum shutdown_flags : u32 { SHUTDOWN_RECEIVE = 1, SHUTDOWN_SEND = 2, SHUTDOWN_BOTH = 3 };
enum : u32 { SOCKET_BUFFER_DEFAULT = 212992, SOCKET_SEND_MIN = 4608, SOCKET_RECEIVE_MIN = 2304, SOMAXCONN = 4096, SOCKET_FILES_MAX = 253 };

/** Options that are on or off: bits of socket.options. */
enum socket_option_bit : u32 {
	OPTION_REUSEADDR = 1, OPTION_KEEPALIVE = 2, OPTION_BROADCAST = 4, OPTION_DONTROUTE = 8, OPTION_OOBINLINE = 0x10, OPTION_PASSCRED = 0x20,
	OPTION_REUSEPORT = 0x40, OPTION_DEBUG = 0x80, OPTION_TIMESTAMP = 0x100, OPTION_TIMESTAMPNS = 0x200, OPTION_PASSSEC = 0x400,
	OPTION_LINGER = 0x800, OPTION_PASSPIDFD = 0x1000,
	OPTION_STAMPS = OPTION_TIMESTAMP | OPTION_TIMESTAMPNS,   /* one of them at most is set */
};

/** A socket's name, as sockaddr has it. */
struct socket_address { u32 len; u8 bytes[128]; };

/** struct ucred. Plain data. */
struct socket_cred { u32 pid, uid, gid; };

/** Files in a message (SCM_RIGHTS), counted. Of whoever holds the message. */
struct socket_files {
	u32 count;
	struct file *items[SOCKET_FILES_MAX];
};
OBJECT_DECLARE(socket_files);

/** What goes with the bytes of a message. A local. */
struct socket_message {
	struct socket_cred cred;
	bool has_cred;                      /* sending: given; receiving: there are some */
	struct socket_files *files;         /* counted; null: none */
	u32 flags;                          /* receiving: MSG_TRUNC, MSG_CTRUNC … */
	u64 stamp_ns;                       /* receiving: when it was sent, in real time; 0: not to be told */
};

struct socket;
/** What a family does. A missing op is EOPNOTSUPP. Addresses have been copied in, and are at least 2 bytes where not null. */
struct socket_ops {
	u32 family;
	const struct file_ops *file_ops;
	/** The socket in one of the family's files. */
	struct socket *(*socket)(struct object *private);
	/** => EPROTONOSUPPORT, ESOCKTNOSUPPORT, ENOMEM. *out has a reference */
	err_t (*create)(u32 type, u32 protocol, struct object **scoped out);
	err_t (*pair)(struct socket *socket, struct socket *other);
	void (*drop)(struct object *private);    /* puts what create made, where no file came of it */
	void (*opened)(struct object *private, struct file *file);
	err_t (*bind)(struct socket *socket, const struct socket_address *scoped address);
	err_t (*connect)(struct socket *socket, const struct socket_address *scoped address, u32 flags);
	err_t (*listen)(struct socket *socket, u32 backlog);
	/** Waits for a connection, unless MSG_DONTWAIT is in flags. *out has a reference */
	err_t (*accept)(struct socket *socket, u32 flags, struct object **scoped out);
	err_t (*name)(struct socket *socket, bool peer, struct socket_address *scoped out);
	/** uio->left tells what was moved. `address` and `message` may be null. */
	err_t (*send)(struct socket *socket, struct uio *scoped uio, u32 flags, const struct socket_address *scoped address,
	              struct socket_message *scoped message);
	/** *len: bytes of the message, more than were moved where it was cut and MSG_TRUNC is in flags. */
	err_t (*receive)(struct socket *socket, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
	                 struct socket_message *scoped message, u64 *scoped len);
	err_t (*shutdown)(struct socket *socket, u32 how);
	/** SO_PEERCRED. */
	struct socket_cred (*peer_cred)(struct socket *socket);
	bool (*listening)(struct socket *socket);
	/** Something in socket.send_limit has changed. */
	void (*limits_changed)(struct socket *socket);
};

struct socket {
	const struct socket_ops *ops;       /* [const] */
	struct object *self;                /* [const] the object that this is part of; not counted */
	struct unix_sock *unix_sock;        /* [const] the same by its own type, where it is one */
	u32 type, protocol;                 /* [const] */
	struct atomic32 options;            /* enum socket_option_bit */
	struct atomic32 error;              /* pending; told once (SO_ERROR) */
	struct atomic32 send_limit, receive_limit, receive_low; /* SO_SNDBUF, SO_RCVBUF, SO_RCVLOWAT */
	struct atomic32 priority, linger, mark;
	struct atomic64 send_timeout, receive_timeout; /* ns; 0: none */
};

void socket_setup(struct socket *socket, const struct socket_ops *ops, struct object *self, u32 type, u32 protocol);
static inline bool socket_option(struct socket *socket, u32 bit) { return (atomic32_load_relaxed(&socket->options) & bit) != 0; }
/** Takes the pending error. */
err_t socket_error_take(struct socket *socket);
/** When a wait that begins now ends: by the timeout, or never. */
u64 socket_deadline(struct socket *socket, bool sending);
/** What the end of a wait is to the program: EAGAIN for a timeout; an interrupted call is restarted where there was none. */
err_t socket_wait_error(struct socket *socket, bool sending, err_t err);
/** The socket of a descriptor; the file has a reference. => EBADF, ENOTSOCK */
err_t socket_get(i32 fd, struct file **scoped file, struct socket **scoped socket);
struct socket *socket_of_file(struct file *file);
/** Copies an address in. => EINVAL: len, EFAULT */
err_t socket_address_read(struct socket_address *scoped address, uaddr_t at, i32 len);
/** Copies an address out, as much as the int at `len_at` allows; it is set to the whole length. => EINVAL, EFAULT */
err_t socket_address_write(const struct socket_address *scoped address, uaddr_t at, uaddr_t len_at);
struct socket_cred socket_cred_current(void);
/** Puts files that nobody received. */
void socket_files_drop(struct socket_files *files);

extern const struct socket_ops unix_socket_ops;
