// SPDX-License-Identifier: MPL-2.0
/**
 * Inodes, directory entries, file systems and mounts: what a file system implements, and what path walks go through.
 *
 * A file system is one folder and one line: it defines `struct fs_type` and registers it. Names are looked up in the dentry cache
 * without locks (RCU, hash); a miss asks the directory's inode. A file system that lives in memory alone (tmpfs, devpts) keeps its
 * dentries pinned: they *are* its directories (DENTRY_PINNED), and the helpers `pinned_*` are its ops.
 *
 * Lock order: rename_lock → parent's inode.lock → child's inode.lock (two directories: ancestor first, else by address order of ino) →
 * dentry.lock → dcache bucket. vm_object.lock comes after inode.lock.
 */
#pragma once

#include <file.h>
#include <clock.h>

enum inode_type : u32 { S_IFMT = 0170000, S_IFSOCK = 0140000, S_IFLNK = 0120000, S_IFREG = 0100000, S_IFBLK = 060000, S_IFDIR = 040000, S_IFCHR = 020000, S_IFIFO = 010000,
	S_ISUID = 04000, S_ISGID = 02000, S_ISVTX = 01000 };

struct superblock;
struct statfs;

/** What stat(2) tells, and what setattr changes. */
struct inode_attr {
	u64 ino, size, blocks; u32 dev_major, dev_minor, rdev_major, rdev_minor; u32 mode, uid, gid, nlink, blksize;
	u64 atime, mtime, ctime, btime;     /* ns since the epoch */
};
enum attr_valid : u32 { ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_SIZE = 8, ATTR_ATIME = 16, ATTR_MTIME = 32, ATTR_CTIME = 64, ATTR_KILL_SUID = 128 };
struct attr_change { u32 valid, mode, uid, gid; u64 size, atime, mtime; };

/** Missing ops: a lookup gives ENOENT, a change EPERM (or EROFS/EOPNOTSUPP where Linux says so). All are called with the directory's lock held for writing, but for lookup (shared) and the reading ones. */
struct inode_ops {
	/** Looks `dentry`'s name up: d_add (dentry_fill) with an inode, or leaves it negative. */
	err_t (*lookup)(struct inode *dir, struct dentry *dentry);
	err_t (*create)(struct inode *dir, struct dentry *dentry, u32 mode);
	err_t (*mkdir)(struct inode *dir, struct dentry *dentry, u32 mode);
	err_t (*mknod)(struct inode *dir, struct dentry *dentry, u32 mode, u32 major, u32 minor);
	err_t (*symlink)(struct inode *dir, struct dentry *dentry, struct cbytes target);
	err_t (*link)(struct inode *dir, struct dentry *dentry, struct inode *target);
	err_t (*unlink)(struct inode *dir, struct dentry *dentry);
	err_t (*rmdir)(struct inode *dir, struct dentry *dentry);
	err_t (*rename)(struct inode *dir, struct dentry *dentry, struct inode *new_dir, struct dentry *new_dentry, u32 flags);
	/** O_TMPFILE: an inode without a name. */
	err_t (*tmpfile)(struct inode *dir, u32 mode, struct inode **scoped out);
	/** The text of a symbolic link into `target`; *len its whole length. */
	err_t (*readlink)(struct inode *inode, struct bytes target, size_t *scoped len);
	/** Links that are not text (/proc/self/exe, /proc/PID/fd/N): the place itself, with references. => default: by readlink */
	err_t (*follow)(struct inode *inode, struct path *scoped out);
	err_t (*permission)(struct inode *inode, u32 mask);                    /* => default: mode bits and capabilities */
	void (*getattr)(struct inode *inode, struct inode_attr *scoped attr);  /* => default: the inode's fields */
	err_t (*setattr)(struct inode *inode, const struct attr_change *scoped change); /* => default: the fields; size through vm_object */
	err_t (*open)(struct inode *inode, struct file *file);                 /* may set file->private, and file->ops before it is seen */
	err_t (*getxattr)(struct inode *inode, struct cbytes name, struct bytes value, size_t *scoped len);
	err_t (*setxattr)(struct inode *inode, struct cbytes name, struct cbytes value, u32 flags);
	err_t (*removexattr)(struct inode *inode, struct cbytes name);
	err_t (*listxattr)(struct inode *inode, struct bytes names, size_t *scoped len);
	/** The last link and the last reference are gone. */
	void (*evict)(struct inode *inode);
};

struct inode {
	const struct inode_ops *ops;        /* [const] */
	const struct file_ops *file_ops;    /* [const] ops of files opened on it */
	struct superblock *sb;              /* [const] counted */
	u64 ino;                            /* [const] */
	struct rw_lock lock;                /* directory: its entries; file: writes and size */
	u32 mode, uid, gid; struct atomic32 nlink; /* changed under lock; read anywhere */
	u32 rdev_major, rdev_minor;         /* [const] */
	struct atomic64 atime, mtime, ctime; u64 btime;
	struct atomic64 size;               /* of what has no vm_object */
	struct vm_object *pages;            /* [const] counted; null: no contents in the page cache */
	struct object *private;             /* [const] the file system's; put by evict */
	struct object *pipe;                /* S_IFIFO: its pipe while open; under lock (pipe/fifo.c) */
	struct object *socket;              /* S_IFSOCK: the bound socket; under lock (net/unix.c); not counted */
	struct object *locks;               /* fs/locks.c: file locks; under its lock */
	struct object *watches;             /* inotify marks; under its lock */
	struct object *xattrs;              /* simple xattrs of file systems in memory */
	struct atomic32 writers;            /* open for writing; negative as two's complement: executing (ETXTBSY) */
	struct atomic32 seals;              /* memfd */
	u32 fs_flags;                       /* the file system's own; S_APPEND, S_IMMUTABLE … */
};
OBJECT_DECLARE(inode);

enum dentry_flags : u32 { DENTRY_PINNED = 1, DENTRY_MOUNTED = 2, DENTRY_NEGATIVE_OK = 4, DENTRY_UNHASHED = 8, DENTRY_REVALIDATE = 16 };
struct dentry_ops {
	/** Whether a cached entry still holds (procfs: has the process gone?). Called in RCU: no sleep. */
	bool (*valid)(struct dentry *dentry);
};

ARRAY_DECLARE(name_array, u8);
/** A name in a directory. Fields are read under RCU in walks; changed under the parent's inode lock (and dentry.lock). */
struct dentry {
	struct spin_lock lock;
	struct dentry *parent;              /* counted; itself at a root */
	struct inode *inode;                /* counted; null: negative */
	struct superblock *sb;              /* [const] */
	const struct dentry_ops *ops;
	u32 hash, flags, sequence;
	u8 short_name[40]; u32 name_len; struct name_array *long_name; /* names of up to 255 bytes */
	LIST_LINK(struct dentry) sibling;   /* parent's children, under dentry.lock of the parent */
	LIST_LINK(struct dentry) chain;     /* hash bucket */
	LIST_LINK(struct dentry) lru;
	struct dentry *children_head, *children_tail; /* see dcache.c */
	u64 cookie;                         /* position in readdir */
};
OBJECT_DECLARE(dentry);

/** A place: both counted where it is kept. */
struct path { struct mount *mount; struct dentry *dentry; };

struct superblock_ops {
	void (*statfs)(struct superblock *sb, struct statfs *scoped out);
	err_t (*sync)(struct superblock *sb);
	void (*shutdown)(struct superblock *sb);
	/** Options for /proc/mounts, ",size=…". */
	size_t (*show_options)(struct superblock *sb, struct bytes text);
	err_t (*remount)(struct superblock *sb, struct cbytes options);
};
struct superblock {
	const struct superblock_ops *ops; const struct fs_type *type;
	struct dentry *root; struct object *private;
	u32 dev_major, dev_minor, flags; u32 magic; struct atomic64 next_ino;
	u32 name_max; u64 max_size;
};
OBJECT_DECLARE(superblock);

/** A file system: one constant, one registration. */
struct fs_type {
	u8 name[16];
	u32 flags;                          /* FS_NODEV: "nodev" in /proc/filesystems */
	/** Makes an instance (or finds the only one) with its root. `options` is mount(2)'s data. */
	err_t (*mount)(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out);
};
void fs_register(const struct fs_type *type);

/** struct statfs of x86-64. Plain data. */
struct statfs { i64 type, bsize; u64 blocks, bfree, bavail, files, ffree; i32 fsid[2]; i64 namelen, frsize, flags, spare[4]; };

/* --- for file systems ------------------------------------------------------------------------------------------- */
/** => null: ENOMEM. Times are now, nlink 1, one reference. */
struct inode *inode_create(struct superblock *sb, const struct inode_ops *ops, const struct file_ops *file_ops, u32 mode);
err_t superblock_create(const struct fs_type *type, const struct superblock_ops *ops, u32 magic, struct superblock **scoped out);
/** Makes `inode` the root; takes over the reference. */
err_t superblock_set_root(struct superblock *sb, struct inode *inode);
/** Gives a negative dentry its inode; takes over the reference to it. */
void dentry_fill(struct dentry *dentry, struct inode *inode);
/** Copies its name (at most 255 bytes) into `name`, as much as fits; returns its whole length. The caller holds a reference and the parent's lock. */
size_t dentry_name(struct dentry *dentry, struct bytes name);
/** A pinned entry made by the kernel itself (devices, ptys). => EEXIST, ENOMEM */
err_t dentry_make(struct dentry *parent, struct cbytes name, struct inode *inode, struct dentry **scoped out);
/** Removes it, as unlink would. */
void dentry_drop(struct dentry *dentry);
/** Ready-made ops of directories whose dentries are pinned. */
err_t pinned_lookup(struct inode *dir, struct dentry *dentry);
err_t pinned_link(struct inode *dir, struct dentry *dentry, struct inode *target);
err_t pinned_unlink(struct inode *dir, struct dentry *dentry);
err_t pinned_rmdir(struct inode *dir, struct dentry *dentry);
err_t pinned_rename(struct inode *dir, struct dentry *dentry, struct inode *new_dir, struct dentry *new_dentry, u32 flags);
err_t pinned_readdir(struct file *file, struct dir_sink *scoped sink);
extern const struct file_ops pinned_dir_ops;
/** Ready-made ops for regular files in the page cache (vm_object): read, write, map, seek with DATA and HOLE, fallocate. */
extern const struct file_ops page_file_ops;

/* --- for services that open and walk ------------------------------------------------------------------------------ */
enum walk_flags : u32 { WALK_FOLLOW = 1, WALK_DIRECTORY = 2, WALK_PARENT = 4, WALK_NO_SYMLINKS = 8, WALK_BENEATH = 16, WALK_IN_ROOT = 32, WALK_NO_XDEV = 64, WALK_NO_MAGICLINKS = 128, WALK_EMPTY = 256, WALK_CACHED = 512 };
void path_get(const struct path *scoped path);
void path_put(struct path *scoped path);
/** Walks a path in user memory from `dirfd`. => references in *out. ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG … */
err_t path_lookup_user(i32 dirfd, uaddr_t name, u32 flags, struct path *scoped out);
/** The same, of text in the kernel, from the running thread's (or, in kernel tasks, the first) root. */
err_t path_lookup(struct cbytes name, u32 flags, struct path *scoped out);
err_t path_open(const struct path *scoped path, u32 flags, struct file **scoped out);
/** open(2) from within the kernel: init, exec, core. */
err_t file_open(struct cbytes name, u32 flags, u32 mode, struct file **scoped out);
/* What mkdir(2), mknod(2), symlink(2), link(2), unlink(2) and rmdir(2) do, by path text from within the kernel (initramfs, devices): without umask. Missing parents: ENOENT. */
err_t path_mkdir(struct cbytes name, u32 mode);
err_t path_mknod(struct cbytes name, u32 mode, u32 major, u32 minor);
err_t path_symlink(struct cbytes name, struct cbytes target);
err_t path_link(struct cbytes old, struct cbytes name);
err_t path_remove(struct cbytes name, bool directory);
/** What chmod, chown, utimens and truncate do, without asking for permission; fs_notify is the caller's. */
err_t inode_change(struct inode *inode, const struct attr_change *scoped change);
/** Full path as getcwd and /proc show it, with " (deleted)" where it is. At the *end* of text? No: from its start. */
err_t path_text(const struct path *scoped path, struct bytes text, size_t *scoped len);
enum : u32 { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
err_t inode_permission(struct inode *inode, u32 mask);
void inode_attr(struct inode *inode, struct inode_attr *scoped attr);
/** For execve: no writer may be there, and none comes until inode_allow_write. => ETXTBSY */
err_t inode_deny_write(struct inode *inode);
void inode_allow_write(struct inode *inode);

/** Root, working directory, umask; shared by CLONE_FS. */
err_t fs_context_create(struct fs_context **scoped out);
err_t fs_context_copy(struct fs_context *from, struct fs_context **scoped out);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
u32 fs_umask(void);

/** Device numbers: opening S_IFCHR inode (major, minor) gives files with these ops. `open` may set private and other ops. */
struct device_ops { err_t (*open)(struct file *file, u32 minor); const struct file_ops *file_ops; };
void device_register(u32 major, u32 first_minor, u32 count, const struct device_ops *ops);

/**
 * For pipe/fifo.c: opening an S_IFIFO inode calls `open` (file->mode, flags and inode are set), which sets file->ops and private, or refuses
 * (ENXIO, EINTR as ERESTARTSYS …). No lock is held: it may wait for the other side. Set once at boot.
 */
typedef err_t fifo_open_fn(struct inode *inode, struct file *file);
void fifo_register(fifo_open_fn *open);

/** Tells inotify: `mask` as inotify(7) has it. One load where nobody watches. */
void fs_notify(struct dentry *dentry, u32 mask);
