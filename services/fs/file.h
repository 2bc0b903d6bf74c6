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
struct dentry;
struct mount;
struct path;

/** Open flags, x86-64 (fcntl.h). */
enum open_flags : u32 {
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400, O_TRUNC = 01000,
	O_APPEND = 02000, O_NONBLOCK = 04000, O_DSYNC = 010000, O_ASYNC = 020000, O_DIRECT = 040000, O_LARGEFILE = 0100000,
	O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, O_NOATIME = 01000000, O_CLOEXEC = 02000000, O_SYNC = 04010000,
	O_PATH = 010000000, O_TMPFILE = 020200000,
};

/** One entry of a directory, handed to readdir's caller. */
struct dir_sink {
	/** => false: no room, stop; the entry is to be given again. `next` is the position behind it. */
	bool (*entry)(struct dir_sink *scoped sink, struct cbytes name, u64 ino, u8 type, u64 next);
	struct byte_array *buffer; u64 used, limit, count, last; struct uio *unused;
};

struct file_ops {
	/** Reads at `off` (files with positions) as much as there is, up to uio->left. 0 moved and OK: end of file. Blocks unless O_NONBLOCK is in `flags` (EAGAIN). => default EINVAL */
	err_t (*read)(struct file *file, struct uio *scoped uio, u64 off, u32 flags);
	err_t (*write)(struct file *file, struct uio *scoped uio, u64 off, u32 flags);
	/** The present events; registers with poll_add. => default: POLL_IN | POLL_OUT | RDNORM | WRNORM */
	u32 (*poll)(struct file *file, struct poll_table *scoped table);
	/** => default ENOTTY. FIONBIO, FIOCLEX … are served before. */
	err_t (*ioctl)(struct file *file, u32 command, u64 arg, u64 *scoped result);
	/** Lists the directory from file position on. => default ENOTDIR */
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
	/** For splice: whether the file has pipe-like or page-cache contents; null: through read and write. */
	err_t (*set_flags)(struct file *file, u32 flags);                       /* fcntl(F_SETFL) wants to change O_ASYNC, O_DIRECT … => default OK */
	/** fcntl commands that fs itself does not serve: F_SETPIPE_SZ (1031), F_GETPIPE_SZ (1032) … => default EBADF for these two, else EINVAL */
	err_t (*control)(struct file *file, u32 command, u64 arg, u64 *scoped result);
	/** Text for /proc/PID/fdinfo, appended as the file likes. */
	size_t (*describe)(struct file *file, struct bytes text);
};

enum file_mode : u32 { FILE_READ = 1, FILE_WRITE = 2, FILE_SEEKABLE = 4, FILE_PATH = 8, FILE_POSITIONED = 16 /* pread and pwrite work */ };

struct file {
	const struct file_ops *ops;         /* [const] once open */
	u32 mode;                           /* [const] enum file_mode */
	struct atomic32 flags;              /* O_APPEND, O_NONBLOCK … as F_GETFL shows them */
	struct dentry *dentry;              /* [const] counted; of an anonymous file: a name of its own kind */
	struct mount *mount;                /* [const] counted */
	struct inode *inode;                /* [const] counted */
	struct object *private;             /* [const] after open; owned by the ops (release puts it) */
	struct cred *cred;                  /* [const] counted: the opener's */
	struct mutex position_lock;
	u64 position;                       /* under position_lock where more than one thread can have the file */
	struct atomic32 owner_pid, owner_kind, owner_signal, lease;  /* fcntl(F_SETOWN …) */
	struct poll_queue *async;           /* SIGIO: see fs/async.c */
	struct object *locks_hint;          /* fs/locks.c */
	struct object *epoll_items;         /* event/epoll.c: what watches this file; under epoll's lock */
	struct atomic64 readahead, version;
};
OBJECT_DECLARE(file);   /* file_get, file_put … */

/**
 * A file that no path leads to (pipe, socket, eventfd …). `kind` is what /proc/PID/fd shows, e.g. TEXT("anon_inode:[eventfd]"),
 * for pipes and sockets "pipe:[INO]" is made from TEXT("pipe") by the number. Takes over the caller's reference to `private` on success only.
 * => ENOMEM, ENFILE
 */
err_t file_create(const struct file_ops *ops, struct object *private, u32 flags, u32 mode, struct cbytes kind, struct file **scoped out);

/* The wrappers: mode checks (EBADF), limits, and positions. `*moved` is set in each case. */
err_t file_read(struct file *file, struct uio *scoped uio, u64 *scoped moved);           /* at the file's position, which moves */
err_t file_write(struct file *file, struct uio *scoped uio, u64 *scoped moved);          /* SIGPIPE on EPIPE, RLIMIT_FSIZE */
err_t file_read_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved);
err_t file_write_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved);
u32 file_poll(struct file *file, struct poll_table *scoped table);
err_t file_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result);
/** Whether `file` is of this kind: its ops are these. The way from a descriptor to one's own object: `if (!file_is(file, &eventfd_ops)) return EINVAL; eventfd_from(file->private)`. */
static inline bool file_is(const struct file *file, const struct file_ops *ops) { return file->ops == ops; }

/** For event/epoll.c: `gone` is called for a file with epoll_items, once its last reference is gone, before ops->release. May sleep. Set once at boot. */
typedef void file_gone_fn(struct file *file);
void file_gone_register(file_gone_fn *gone);

/* --- descriptors ------------------------------------------------------------------------------------------------ */
err_t fd_table_create(struct fd_table **scoped out);
/** A copy for fork (or of descriptors below `limit`, close_range). */
err_t fd_table_copy(struct fd_table *from, struct fd_table **scoped out);
void fd_table_get(struct fd_table *table);
/** Last reference: all files are closed. */
void fd_table_put(struct fd_table *table);
/** execve: a table of one's own, without close-on-exec descriptors. */
err_t fd_table_unshare(void);
void fd_table_close_on_exec(struct fd_table *table);

/** The running thread's file for `fd`, with a reference. => EBADF (O_PATH files too, except by the _any form) */
err_t fd_get(i32 fd, struct file **scoped out);
err_t fd_get_any(i32 fd, struct file **scoped out);
/* The usual way: REF_SCOPE(file, file); TRY(fd_get(fd, &file)); */
/** The lowest free descriptor at or above `min`; takes over nothing: it gets a reference of its own. => EMFILE, ENOMEM */
err_t fd_install(struct file *file, u32 min, bool cloexec, i32 *scoped fd);
/** Two steps, where the file comes last: reserve, then fill or give back. Cannot fail in the second step. */
err_t fd_reserve(u32 min, bool cloexec, i32 *scoped fd);
void fd_fill(i32 fd, struct file *file);
void fd_unreserve(i32 fd);
err_t fd_close(i32 fd);
/** Another process' table, for /proc and pidfd_getfd. => null: none */
struct file *fd_table_file(struct fd_table *table, u32 fd);
/** The next used descriptor at or behind *fd. */
bool fd_table_next(struct fd_table *table, u32 *scoped fd);
bool fd_table_cloexec(struct fd_table *table, u32 fd);
