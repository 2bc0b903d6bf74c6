// SPDX-License-Identifier: MPL-2.0
/**
 * Open files, and the tables that name them by number.
 *
 * A `struct file` is an open file description (open(2)): ops, position, flags, and the inode or private object behind it. What it
 * can do is in its `file_ops`; a missing op has the default said there. Nobody calls an op directly: the `file_*` wrappers
 * check mode and limits, and hold the position's lock.
 *
 * Lock order: fd_table.lock is a leaf for lookups (RCU) and writers; file.position → inode lock → vm_object.lock.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/object.h>
#include <cadre/sync.h>

#include <cred.h>
#include <poll.h>
#include <uio.h>
#include <vm_map.h>

struct file;
struct fd_table;
struct fs_context;
struct inode;
struct pipe;
struct unix_sock;
struct eventfd;
struct epoll;
struct epoll_item;
struct dentry;
struct mount;
struct path;
struct flock_list;

/** Open flags, x86-64 (fcntl.h). */
enum open_flags : u32 {
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400, O_TRUNC = 01000,
	O_APPEND = 02000, O_NONBLOCK = 04000, O_DSYNC = 010000, O_ASYNC = 020000, O_DIRECT = 040000, O_LARGEFILE = 0100000,
	O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, O_NOATIME = 01000000, O_CLOEXEC = 02000000, O_SYNC = 04010000,
	O_PATH = 010000000, O_TMPFILE = 020200000,
};
enum seek_whence : u32 { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

/**
 * Where a directory's entries go. A file system's readdir calls `dir_emit(sink, …)`; whoever lists sets `entry`.
 */
struct dir_sink {
	/** => false: no room, stop; the entry is to be given again. `next` is the position behind it. */
	bool (*entry)(struct dir_sink *scoped sink, struct cbytes name, u64 ino, u8 type, u64 next);
	struct byte_array *buffer;          /* where entry puts them; the lister's */
	u64 used, limit, count, last;       /* the lister's */
	err_t err;                          /* the lister's: why entry refused */
	struct object *owner;               /* the lister's */
};
static inline bool dir_emit(struct dir_sink *scoped sink, struct cbytes name, u64 ino, u8 type, u64 next) { return sink->entry(sink, name, ino, type, next); }

struct file_ops {
	/** Reads at `off` (files with positions) as much as there is, up to uio->left. 0 moved and OK: end of file. Blocks unless O_NONBLOCK is in `flags` (EAGAIN). => default EINVAL */
	err_t (*read)(struct file *file, struct uio *scoped uio, u64 off, u32 flags);
	/** The same for writing. `flags` has O_APPEND … where they hold: a seekable file then writes at its end, and sets file->position to where that is then, under its inode's lock (not where FILE_WRITE_AT is in flags: pwrite). */
	err_t (*write)(struct file *file, struct uio *scoped uio, u64 off, u32 flags);
	/** The present events; registers with poll_add. => default: POLL_IN | POLL_OUT | RDNORM | WRNORM */
	u32 (*poll)(struct file *file, struct poll_table *scoped table);
	/** => default ENOTTY. FIONBIO, FIOCLEX … are served before. */
	err_t (*ioctl)(struct file *file, u32 command, u64 arg, u64 *scoped result);
	/** Lists the directory from file->position on, and moves that. Called with position_lock held and the directory's lock shared. => default ENOTDIR */
	err_t (*readdir)(struct file *file, struct dir_sink *scoped sink);
	/** The new position. => default: sets it freely where FILE_SEEKABLE, else ESPIPE */
	err_t (*seek)(struct file *file, i64 off, u32 whence, u64 *scoped result);
	/** Fills in request->object (or refuses): its pages are mapped. => default ENODEV */
	err_t (*map)(struct file *file, struct vm_request *scoped request);
	err_t (*sync)(struct file *file, u64 start, u64 end, bool data_only);   /* => default EINVAL; regular files: OK */
	err_t (*allocate)(struct file *file, u32 mode, u64 off, u64 len);       /* fallocate. => default EOPNOTSUPP */
	/** Each close(2) of a descriptor (POSIX locks, and files that care). */
	void (*flush)(struct file *file);
	/** The last reference is gone: once, may sleep. */
	void (*release)(struct file *file);
	err_t (*set_flags)(struct file *file, u32 flags);                       /* fcntl(F_SETFL) wants to change O_ASYNC, O_DIRECT … => default OK */
	/** fcntl commands that fs itself does not serve: F_SETPIPE_SZ (1031), F_GETPIPE_SZ (1032) … => default EBADF for these two, else EINVAL */
	err_t (*control)(struct file *file, u32 command, u64 arg, u64 *scoped result);
	/** Text for /proc/PID/fdinfo, appended as the file likes. */
	size_t (*describe)(struct file *file, struct bytes text);
	/** Bytes that can be read now, for FIONREAD. => default: ENOTTY; regular files: size - position */
	err_t (*readable)(struct file *file, u64 *scoped bytes);
	/** An anonymous file has got an inode (fchmod, /proc/PID/fd/N): a pipe sets inode->pipe, with a reference of its own, put by evict… of none: by release. */
	void (*inode_made)(struct file *file, struct inode *inode);
	bool no_sigpipe;                    /* EPIPE raises no SIGPIPE: the op sees to it itself (sockets) */
	bool stream;                        /* no position at all: pread and lseek give ESPIPE (pipes, sockets, terminals) */
};

enum file_mode : u32 {
	FILE_READ = 1, FILE_WRITE = 2, FILE_SEEKABLE = 4, FILE_PATH = 8, FILE_POSITIONED = 16, /* pread and pwrite work */
	FILE_ANONYMOUS = 32,                /* dentry and mount are none's; made by file_create */
	FILE_WRITER = 64,                   /* counted in inode->writers */
	FILE_NOTIFY = 128,                  /* reads and writes are events for inotify */
	FILE_OPENED = 256,                  /* open succeeded: release is due */
	FILE_READER = 512,                  /* counted in inode->readers */
};
enum : u32 { FILE_WRITE_AT = (u32)1 << 31 };        /* beside open flags, in ops->write: pwrite(2), the position stays */
enum file_state : u32 { FILE_INSTALLED = 1, FILE_SHARED = 2, FILE_WATCHED = 4 /* epoll sets watch it, or have */ };

struct file {
	const struct file_ops *ops;         /* [const] once open */
	u32 mode;                           /* [const] enum file_mode */
	struct atomic32 flags;              /* O_APPEND, O_NONBLOCK … as F_GETFL shows them */
	u64 position;                       /* under position_lock where more than one thread can have the file */
	struct inode *inode;                /* [const] the dentry's. Null for anonymous files: use file_inode */
	struct object *private;             /* [const] after open; owned by the ops (release puts it) */
	/* `private` once more, by its own type, where the file is one of these: no checked downcast in calls that are frequent. Not counted. */
	struct pipe *pipe;                  /* [const] after open */
	struct unix_sock *unix_sock;        /* [const] after open */
	struct eventfd *eventfd;            /* [const] after open */
	struct epoll *epoll;                /* [const] after open */
	struct dentry *dentry;              /* [const] counted; of an anonymous file: names its kind, not counted */
	struct mount *mount;                /* [const] counted; null for anonymous files */
	struct cred *cred;                  /* [const] counted: the opener's */
	struct mutex position_lock;
	struct atomic32 state;              /* enum file_state: FILE_SHARED once two descriptors may name it */
	u64 ino;                            /* anonymous files: as fstat shows it. Both ends of a pipe: set one to the other's */
	struct inode *own_inode;            /* anonymous files: made when somebody asks; counted */
	struct atomic32 owner_pid, owner_kind, owner_signal;  /* fcntl(F_SETOWN …), fs/async.c */
	struct object *async;               /* SIGIO: fs/async.c; counted */
	struct spin_lock watch_lock;
	struct epoll_item *watched_by GUARDED_BY(&watch_lock);  /* event/epoll.c: the first of the items that watch it; not counted */
	struct atomic64 readahead, version;
};
OBJECT_DECLARE(file);   /* file_get, file_put … */

/** The files that no path leads to: what /proc/PID/fd calls them is in fs/anonymous.c. */
enum file_kind : u32 { KIND_PIPE, KIND_SOCKET, KIND_EPOLL, KIND_EVENTFD, KIND_TIMERFD, KIND_SIGNALFD, KIND_INOTIFY, KIND_PIDFD, FILE_KINDS };

/**
 * A file of such a kind. `mode` is FILE_READ | FILE_WRITE …; `flags` as F_GETFL shows them.
 * Takes over the caller's reference to `private` on success only.
 * => ENOMEM, ENFILE
 */
err_t file_create(const struct file_ops *ops, struct object *private, u32 flags, u32 mode, enum file_kind kind, struct file **scoped out);
/** The inode behind it, made now for an anonymous file. Lives as long as the file. => null: ENOMEM */
struct inode *file_inode(struct file *file);

/* The wrappers: mode checks (EBADF), limits, and positions. `*moved` is set in each case; what was moved before an error is a success. */
err_t file_read(struct file *file, struct uio *scoped uio, u64 *scoped moved);           /* at the file's position, which moves */
err_t file_write(struct file *file, struct uio *scoped uio, u64 *scoped moved);          /* SIGPIPE on EPIPE, RLIMIT_FSIZE */
/** `flags` are added to the file's (O_NONBLOCK, O_APPEND …); streams: `off` is not looked at. */
err_t file_read_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved);
err_t file_write_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved);
static inline u32
file_poll(struct file *file, struct poll_table *scoped table)
{
	return file->ops->poll != nullptr ? file->ops->poll(file, table) : POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM;
}
err_t file_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result);
err_t file_map(struct file *file, struct vm_request *scoped request);
err_t file_seek(struct file *file, i64 off, u32 whence, u64 *scoped result);
/** For file_ops.seek of anonymous files on which lseek(2) succeeds and does nothing, as on Linux' eventfd and its kin. */
err_t file_seek_nowhere(struct file *file, i64 off, u32 whence, u64 *scoped result);
/** Lists a directory through `sink`, from the file's position on. => ENOTDIR, ENOENT (removed) */
err_t file_readdir(struct file *file, struct dir_sink *scoped sink);
/** Whether `file` is of this kind: its ops are these. The way from a descriptor to one's own object: `if (!file_is(file, &eventfd_ops)) return EINVAL; eventfd_from(file->private)`. */
static inline bool file_is(const struct file *file, const struct file_ops *ops) { return file->ops == ops; }
/** Bytes of text for /proc/PID/fd/N: a path, or what `kind` says. => *len is the length of the whole */
err_t file_text(struct file *file, struct bytes text, size_t *scoped len);

/**
 * A lock of a file or, with `waits`, one that is waited for: a line of /proc/locks. Those that wait have the number of the one that they wait for.
 * A lease that is `breaking` is shown as what it is to become: `unlocks`, or by `write`.
 */
enum file_lock_kind : u8 { FILE_LOCK_POSIX, FILE_LOCK_OFD, FILE_LOCK_FLOCK, FILE_LOCK_LEASE };
struct file_lock_info { u64 number, start, end, ino; u32 dev_major, dev_minor, pid; enum file_lock_kind kind; bool write, to_eof, waits, breaking, unlocks; };
typedef void file_locks_sink(struct object *to, const struct file_lock_info *scoped info);
/** Hands all locks to `sink`, with `to`; it may allocate, not look at locks. */
void file_locks_list(file_locks_sink *sink, struct object *to);
/** Those of this open file or table, of the file's inode. */
void file_locks_list_of(struct file *file, struct fd_table *table, file_locks_sink *sink, struct object *to);

/** For event/epoll.c: `gone` is called for a file that is FILE_WATCHED, once its last reference is gone, before ops->release. May sleep. Set once at boot. */
typedef void file_gone_fn(struct file *file);
void file_gone_register(file_gone_fn *gone);

/* --- descriptors ------------------------------------------------------------------------------------------------ */
err_t fd_table_create(struct fd_table **scoped out);
/** A copy for fork. */
err_t fd_table_copy(struct fd_table *from, struct fd_table **scoped out);
/** Threads that use a table are counted (a sole user needs no atomics): clone(CLONE_FILES) joins, exit leaves; the last one closes all files. */
void fd_table_join(struct fd_table *table);
void fd_table_leave(struct fd_table *table);
/** For those who only look (/proc), found under thread.lock: keeps the memory, not the files. */
void fd_table_ref(struct fd_table *table);
void fd_table_unref(struct fd_table *table);
/** execve and unshare(CLONE_FILES): where the running thread shares its table, *out is a copy, with the thread as its user; else null. The caller installs it and leaves the old one. */
err_t fd_table_unshare(struct fd_table **scoped out);
void fd_table_close_on_exec(struct fd_table *table);

/** The running thread's file for `fd`, with a reference. => EBADF (O_PATH files too, except by the _any form) */
err_t fd_get(i32 fd, struct file **scoped out);
err_t fd_get_any(i32 fd, struct file **scoped out);
/* The usual way: REF_SCOPE(file, file); TRY(fd_get(fd, &file)); */
/**
 * For hot paths: the same for the time of one system call, without an atomic where no other thread shares the table. The call must not
 * close or replace descriptors of the running thread meanwhile, and ends with fd_return in each case where fd_borrow was OK.
 */
struct fd_hold { struct file *file; bool counted; };
err_t fd_borrow(i32 fd, struct fd_hold *scoped out);
err_t fd_borrow_any(i32 fd, struct fd_hold *scoped out);
ARRAY_DECLARE(fd_files, struct file *);
/**
 * The same for many of one call: the running thread's files where no other thread shares its table, null where one does. Until the
 * call ends each fd_peek is then as good as fd_borrow, without anything to return.
 */
struct fd_files *fd_files_unshared(void);
/** => null: EBADF */
static inline struct file *
fd_peek(struct fd_files *files, i32 fd)
{
	if ((u32)fd >= fd_files_len(files))
		return nullptr;
	struct file *file = files->items[(u32)fd];
	return file != nullptr && (file->mode & FILE_PATH) == 0 ? file : nullptr;
}
static inline void fd_return(const struct fd_hold *scoped hold) { if (hold->counted) file_put(hold->file); }
/** The lowest free descriptor at or above `min`; takes over nothing: it gets a reference of its own. => EMFILE, ENOMEM */
err_t fd_install(struct file *file, u32 min, bool cloexec, i32 *scoped fd);
/** Two steps, where the file comes last: reserve, then fill or give back. Cannot fail in the second step. fd_fill takes a reference of its own. */
err_t fd_reserve(u32 min, bool cloexec, i32 *scoped fd);
void fd_fill(i32 fd, struct file *file);
void fd_unreserve(i32 fd);
err_t fd_close(i32 fd);
/** Another process' table, for /proc and pidfd_getfd: with a reference. => null: none */
struct file *fd_table_file(struct fd_table *table, u32 fd);
/** The next used descriptor at or behind *fd. */
bool fd_table_next(struct fd_table *table, u32 *scoped fd);
bool fd_table_cloexec(struct fd_table *table, u32 fd);
/** Size of the table, for /proc/PID/status (FDSize). */
u32 fd_table_size(struct fd_table *table);
