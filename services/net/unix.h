// SPDX-License-Identifier: MPL-2.0
/**
 * AF_UNIX sockets (unix(7)).
 *
 * What is sent to a socket lies in its `queue`: packets of frames. In a stream small pieces share the newest packet's frame, and
 * packets that were read are kept for the next ones, by the socket and by each CPU. A stream's packets are charged to the sending peer, which is the only sender;
 * other packets are charged to the socket that sent them, which they keep alive.
 *
 * Lifetimes: the file (or, before accept, the listener's list) has one reference, `peer` has one to the other end. A stream's peer is set
 * once and put by release; a datagram socket's may change, under peer_lock.
 *
 * Lock order: unix_sock.lock (of the receiver) → user copies; bind_lock → inode locks; name bucket locks, peer_lock, poll_queue.lock are leaves. Two
 * `lock`s are never held at once.
 */
#pragma once

#include <cadre/frame.h>
#include <cadre/list.h>

#include <inode.h>

#include "socket.h"

enum unix_state : u32 { UNIX_CLOSED, UNIX_LISTENING, UNIX_CONNECTED };
enum : u32 {
	UNIX_PATH_AT = 2, UNIX_PATH_MAX = 108, UNIX_ADDRESS_MAX = UNIX_PATH_AT + UNIX_PATH_MAX,
	UNIX_PACKET_CHARGE = 512,           /* what a packet counts for beside its bytes */
	UNIX_QUEUE_MAX = 10,                /* net.unix.max_dgram_qlen */
};

struct unix_flight;

/** A name that a socket is bound to. Never changed once made. */
struct unix_address { u32 len; u8 bytes[UNIX_ADDRESS_MAX + 2]; };
OBJECT_DECLARE(unix_address);

ARRAY_DECLARE(frame_array, struct frame *);

/** Bytes on their way, with what was sent along. */
struct unix_packet {
	struct frame *frame;                /* counted: the first page */
	struct frame_array *more;           /* counted, as its frames: further pages; null: none */
	u32 off, len;                       /* of what is left */
	u32 charge;
	struct socket_cred cred;            /* pid 0: none were to be sent */
	u64 stamp_ns;                       /* SO_TIMESTAMP: when it was sent, in real time; 0: nobody had asked then */
	struct unix_flight *flight;         /* files that are with it; under flight_lock, null: none */
	struct unix_sock *from;             /* counted: who is charged, and named; null in streams */
	bool oob;                           /* MSG_OOB: one byte */
	LIST_LINK(struct unix_packet) link;
};
OBJECT_DECLARE(unix_packet);
LIST_OF(unix_packet_list, struct unix_packet, link);

struct unix_sock {
	struct socket socket;
	struct mutex lock;
	struct unix_packet_list queue GUARDED_BY(&lock);
	struct unix_packet *spare GUARDED_BY(&lock);    /* an empty packet with a frame, for the next piece of a stream */
	struct atomic32 queued;             /* packets in the queue; changed under lock */
	struct atomic32 queue_charge;       /* of a stream: what its peer has put here; changed under lock */
	struct atomic32 sent_charge;        /* of others: what this socket has put into other queues */
	struct atomic32 state;              /* enum unix_state */
	struct atomic32 shutdown;           /* enum shutdown_flags */
	struct atomic32 dead;               /* 1: released */
	struct atomic32 watched;            /* 1: somebody has polled it, so each packet is told */
	struct poll_queue read_queue;       /* something to read, to accept; or the state has changed */
	struct poll_queue write_queue;      /* room to send */
	struct poll_queue room_queue;       /* at the receiver: its queue is no longer full (datagrams, backlog) */
	struct spin_lock peer_lock;
	struct unix_sock *peer;             /* counted; under peer_lock, see above */
	struct unix_address *address;       /* counted; published once */
	struct mutex bind_lock;             /* held while a name is given */
	struct path path GUARDED_BY(&bind_lock);        /* where it is bound in the file system */
	struct socket_cred cred;            /* of whoever made or listened on it */
	struct socket_cred peer_cred;       /* SO_PEERCRED */
	/* listening */
	LIST_LINK(struct unix_sock) pending_link;       /* in the listener's list; under its lock */
	struct unix_sock *pending_head, *pending_tail;  /* see unix_connect.c; under lock */
	struct atomic32 pending, backlog;
	struct unix_sock *listener;         /* not counted: where it waits to be accepted; under flight_lock */
	/* unix_flight.c, under flight_lock */
	struct unix_flight *flight_head, *flight_tail;  /* files in its queue */
	LIST_LINK(struct unix_sock) holder_link;        /* all sockets that have some */
	u32 found;                          /* how often it lies in queues itself, as the collector counts */
	bool reached;
	/* unix_name.c */
	LIST_LINK(struct unix_sock) name_link;
	LIST_LINK(struct unix_sock) all_link;
	struct file *file;                  /* not counted: its file while that is open; under flight_lock */
	u64 ino;                            /* [const] once it has a file; for /proc/net/unix */
	u32 name_bucket;                    /* 0: none; else the bucket's index + 1 */
};
OBJECT_DECLARE(unix_sock);

extern const struct file_ops unix_file_ops;

static inline struct unix_sock *unix_of(struct socket *socket) { return socket->unix_sock; }
static inline bool unix_stream(const struct unix_sock *sock) { return sock->socket.type == SOCK_STREAM; }
static inline bool unix_connected_type(const struct unix_sock *sock) { return sock->socket.type != SOCK_DGRAM; }
static inline u32 unix_state(struct unix_sock *sock) { return atomic32_load_acquire(&sock->state); }
static inline u32 unix_shutdown_bits(struct unix_sock *sock) { return atomic32_load_acquire(&sock->shutdown); }
/** The other end, with a reference. */
struct unix_sock *unix_peer_get(struct unix_sock *sock);
/** What is charged to the socket as a sender. */
u32 unix_sent(struct unix_sock *sock);
/** Whether poll says that it may send: at most a quarter of its limit is under way. */
bool unix_may_send(struct unix_sock *sock);
/** Tells all who wait for the socket that its state has changed. */
void unix_tell_all(struct unix_sock *sock);

/* unix_name.c */
/** Binds to a name of `address`, or one made up (len 2). => EINVAL, EADDRINUSE, and what making a file gives */
err_t unix_bind(struct socket *socket, const struct socket_address *scoped address);
err_t unix_autobind(struct unix_sock *sock);
/** Finds who is bound to a name, with a reference. => EINVAL, ECONNREFUSED, ENOENT, EACCES, EPROTOTYPE … */
err_t unix_find(const struct socket_address *scoped address, u32 type, struct unix_sock **scoped out);
void unix_unbind(struct unix_sock *sock);
void unix_name_copy(struct unix_sock *sock, struct socket_address *scoped out);
void unix_list_add(struct unix_sock *sock);
void unix_list_remove(struct unix_sock *sock);
/** Text of /proc/net/unix from line `*line` on, as much as fits; advances it. => bytes */
size_t unix_proc_text(u64 *scoped line, struct bytes text);

/* unix_connect.c */
err_t unix_make(u32 type, u32 protocol, struct unix_sock **scoped out);
err_t unix_connect(struct socket *socket, const struct socket_address *scoped address, u32 flags);
err_t unix_listen(struct socket *socket, u32 backlog);
err_t unix_accept(struct socket *socket, u32 flags, struct object **scoped out);
err_t unix_pair(struct socket *socket, struct socket *other);
/** The end of a socket: its file has gone, or nobody has accepted it. Puts the reference. */
void unix_close(struct unix_sock *sock, bool embryo);

/* unix_stream.c, unix_packet.c: as socket_ops has them */
err_t unix_stream_send(struct socket *socket, struct uio *scoped uio, u32 flags, const struct socket_address *scoped address,
                       struct socket_message *scoped message);
err_t unix_stream_receive(struct socket *socket, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
                          struct socket_message *scoped message, u64 *scoped len);
err_t unix_packet_send(struct socket *socket, struct uio *scoped uio, u32 flags, const struct socket_address *scoped address,
                       struct socket_message *scoped message);
err_t unix_packet_receive(struct socket *socket, struct uio *scoped uio, u32 flags, struct socket_address *scoped address,
                          struct socket_message *scoped message, u64 *scoped len);

/* unix_packet.c */
/** Takes what has been read out of a packet's place: files, frames, references. */
void unix_packet_free(struct unix_packet *packet);
/** Whether credentials go with what `sock` sends to `other`; fills them in. */
void unix_packet_cred(struct unix_packet *packet, struct unix_sock *sock, struct unix_sock *other, const struct socket_message *scoped message);

/* unix_flight.c: files in messages */
/** Takes the message's files into flight with a packet for `holder`, charged to the running thread's user. => ETOOMANYREFS, ENOMEM */
err_t unix_files_send(struct socket_message *scoped message, struct unix_packet *packet, struct unix_sock *holder);
/** Takes a packet's files out of flight, or copies them for MSG_PEEK. */
void unix_files_receive(struct unix_packet *packet, struct socket_message *scoped message);
err_t unix_files_peek(struct unix_packet *packet, struct socket_message *scoped message);
void unix_files_drop(struct unix_packet *packet);
/** The socket has got its file (null: loses it), or waits at `listener` to be accepted. */
void unix_set_file(struct unix_sock *sock, struct file *file);
void unix_set_listener(struct unix_sock *sock, struct unix_sock *listener);
/** Closes what only files in flight refer to. Sleeps. */
void unix_collect(void);
