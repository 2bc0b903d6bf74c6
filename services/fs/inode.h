// SPDX-License-Identifier: MPL-2.0
/**
 * Inodes, directory entries, file systems and mounts: what a file system implements, and what path walks go through.
 *
 * A file system is one folder and one line: it defines `struct fs_type` and registers it. Names are looked up in the dentry cache
 * without locks (RCU, hash); a miss asks the directory's inode. A file system that lives in memory alone (tmpfs, devpts) sets
 * SB_PINNED: its dentries *are* its directories, and the helpers `pinned_*` are its ops.
 *
 * Dentries and mounts have counts of their own: `dentry_ref`/`dentry_unref`, `path_get`/`path_put` (there is no dentry_get). A
 * dentry is given its inode once and keeps it: removal takes the dentry out of the cache, with its inode still in it.
 *
 * Lock order: rename_mutex → parent's inode.lock → child's inode.lock (two directories: ancestor first, else by ino) → vm_object.lock;
 * below all of them the spin locks of the cache: dcache bucket → lru lock.
 */
#pragma once

#include <cadre/list.h>
#include <cadre/rbtree.h>

#include <clock.h>
#include <file.h>

enum inode_type : u32 { S_IFMT = 0170000, S_IFSOCK = 0140000, S_IFLNK = 0120000, S_IFREG = 0100000, S_IFBLK = 060000, S_IFDIR = 040000, S_IFCHR = 020000, S_IFIFO = 010000,
	S_ISUID = 04000, S_ISGID = 02000, S_ISVTX = 01000, S_IXGRP = 010 };

struct superblock;
struct statfs;
struct xattr_list;

/** What stat(2) tells, and what setattr changes. */
struct inode_attr {
	u64 ino, size, blocks; u32 dev_major, dev_minor, rdev_major, rdev_minor; u32 mode, uid, gid, nlink, blksize;
	u64 atime, mtime, ctime, btime;     /* ns since the epoch */
};
enum attr_valid : u32 { ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_SIZE = 8, ATTR_ATIME = 16, ATTR_MTIME = 32, ATTR_CTIME = 64, ATTR_KILL_SUID = 128 };
struct attr_change { u32 valid, mode, uid, gid; u64 size, atime, mtime; };

/**
 * Missing ops: a lookup gives ENOENT, a change EPERM (or EROFS/EOPNOTSUPP where Linux says so). All are called with the directory's lock
 * held for writing, but for lookup (which may find it shared) and the reading ones. The cache's part (hashing, moving, removing dentries) is done
 * by the caller once an op was OK: an op only changes inodes and its store, and gives a new entry its inode with dentry_fill.
 */
struct inode_ops {
	/** Looks `dentry`'s name up: dentry_fill with an inode, or leaves it negative (OK). SB_PINNED: never called. */
	err_t (*lookup)(struct inode *dir, struct dentry *dentry);
	err_t (*create)(struct inode *dir, struct dentry *dentry, u32 mode);
	err_t (*mkdir)(struct inode *dir, struct dentry *dentry, u32 mode);
	err_t (*mknod)(struct inode *dir, struct dentry *dentry, u32 mode, u32 major, u32 minor);
	err_t (*symlink)(struct inode *dir, struct dentry *dentry, struct cbytes target);
	err_t (*link)(struct inode *dir, struct dentry *dentry, struct inode *target);
	err_t (*unlink)(struct inode *dir, struct dentry *dentry);
	err_t (*rmdir)(struct inode *dir, struct dentry *dentry);
	/** `new_dentry` may be positive: it is replaced (or, RENAME_EXCHANGE in flags, swapped). */
	err_t (*rename)(struct inode *dir, struct dentry *dentry, struct inode *new_dir, struct dentry *new_dentry, u32 flags);
	/** O_TMPFILE: an inode without a name (nlink 0). */
	err_t (*tmpfile)(struct inode *dir, u32 mode, struct inode **scoped out);
	/** The text of a symbolic link into `target`; *len its whole length. => default: inode->link */
	err_t (*readlink)(struct inode *inode, struct bytes target, size_t *scoped len);
	/** Links that are not text (/proc/self/exe, /proc/PID/fd/N): the place itself, with references. => default: by readlink */
	err_t (*follow)(struct inode *inode, struct path *scoped out);
	err_t (*permission)(struct inode *inode, u32 mask);                    /* => default: mode bits and capabilities */
	void (*getattr)(struct inode *inode, struct inode_attr *scoped attr);  /* called with *attr filled from the inode; changes what differs */
	err_t (*setattr)(struct inode *inode, const struct attr_change *scoped change); /* => default: the fields; size through vm_object */
	/**
	 * Opens. May set file->private, and file->ops before it is seen. A private object is released by file->ops->release, also if a later
	 * step of the opening fails; where this op fails, release is not called.
	 */
	err_t (*open)(struct inode *inode, struct file *file);
	err_t (*getxattr)(struct inode *inode, struct cbytes name, struct bytes value, size_t *scoped len);
	err_t (*setxattr)(struct inode *inode, struct cbytes name, struct cbytes value, u32 flags);
	err_t (*removexattr)(struct inode *inode, struct cbytes name);
	err_t (*listxattr)(struct inode *inode, struct bytes names, size_t *scoped len);
	/** The last link and the last name in the cache are gone (nlink 0), or the last reference: contents go. Once; may sleep. */
	void (*evict)(struct inode *inode);
};

enum inode_fs_flags : u32 { INODE_APPEND = 1, INODE_IMMUTABLE = 2, INODE_NOATIME = 4, INODE_EVICTED = 8 /* fs/inode.c */, INODE_DEAD = 16 /* removed directory */,
	INODE_XATTR_USER = 32 /* user. attributes are kept, too (simple_xattr) */, INODE_LINKABLE = 64 /* O_TMPFILE without O_EXCL: linkat may name it */ };

struct dentry;

enum dentry_flags : u32 { DENTRY_PINNED = 1, DENTRY_MOUNTED = 2, DENTRY_HASHED = 8, DENTRY_REVALIDATE = 16, DENTRY_REFERENCED = 32 };
struct dentry_ops {
	/** Whether a cached entry still holds (procfs: has the process gone?). Called in RCU: no sleep. Set dentry->ops in lookup, before dentry_fill. */
	bool (*valid)(struct dentry *dentry);
	/** Says what /proc/PID/fd shows, in place of the path: for links that are not paths, and files with names of their own (memfd): the text in /proc/PID/fd. => default: the path */
	size_t (*text)(struct dentry *dentry, struct bytes text);
};

enum : u32 { NAME_MAX = 255, NAME_SHORT = 40, PATH_MAX = 4096, SYMLINKS_MAX = 40 };

/** A name in a directory. Read under RCU in walks; name and parent change in renames only (dcache.c). */
struct dentry {
	struct dentry *next;                /* hash chain, RCU */
	struct dentry *parent;              /* counted; itself at a root */
	struct inode *inode;                /* counted; null: negative. Set once */
	u64 hash;                           /* of name and parent */
	u64 name[NAME_SHORT / 8];           /* the first bytes, zeroes behind */
	u32 name_len;
	struct atomic32 flags;              /* enum dentry_flags */
	struct atomic32 refs;               /* users; see dcache.c */
	struct byte_array *long_name;       /* all of a name that is longer than NAME_SHORT */
	const struct dentry_ops *ops;       /* [const] */
	struct superblock *sb;              /* [const] */
	u64 seed;                           /* [const] unique: what its children's hashes start from */
	u64 cookie;                         /* position in its directory, under the parent's lock */
	RBTREE_LINK(struct dentry) by_cookie; /* inode.entries of the parent */
	LIST_LINK(struct dentry) lru;       /* under lru lock */
};
static inline int dentry_compare(const struct dentry *scoped a, const struct dentry *scoped b) { return a->cookie < b->cookie ? -1 : a->cookie > b->cookie; }
RBTREE_OF(dentry_tree, struct dentry, by_cookie, dentry_compare);

struct inode {
	const struct inode_ops *ops;        /* [const] */
	const struct file_ops *file_ops;    /* [const] ops of files opened on it */
	struct superblock *sb;              /* [const] not counted: outlives its inodes */
	u64 ino;                            /* [const] */
	u32 mode, uid, gid; struct atomic32 nlink; /* changed under lock, by POINTER_PUBLISH; read anywhere, by POINTER_LOAD */
	u32 rdev_major, rdev_minor;         /* [const] */
	struct atomic32 fs_flags;           /* enum inode_fs_flags */
	struct atomic32 writers;            /* open for writing; negative as two's complement: executing (ETXTBSY) */
	struct atomic32 readers;            /* regular file: open for reading alone, for leases */
	struct atomic64 atime, mtime, ctime; u64 btime;
	struct atomic64 size;               /* of what has no vm_object */
	struct vm_object *pages;            /* [const] counted; null: no contents in the page cache */
	struct byte_array *link;            /* [const] counted: text of a symbolic link; null: ops->readlink */
	struct rw_lock lock;                /* directory: its entries; file: writes and size */
	struct dentry_tree entries;         /* SB_PINNED directories: children by cookie; under lock */
	u64 next_cookie;                    /* likewise */
	struct atomic32 aliases;            /* dentries with this inode */
	struct atomic32 seals;              /* memfd */
	struct object *private;             /* [const] the file system's; put by evict */
	struct object *pipe;                /* S_IFIFO: its pipe while open; under lock (pipe/fifo.c) */
	struct object *socket;              /* S_IFSOCK: the bound socket; under lock (net/unix.c); not counted */
	struct object *locks;               /* fs/locks.c: file locks and leases; counted, published once */
	struct object *watches;             /* inotify marks; counted; RCU */
	struct xattr_list *xattrs;          /* simple_xattr; under xattr_lock */
	struct mutex xattr_lock;
	struct mutex pipe_lock;             /* pipe/fifo.c */
};
OBJECT_DECLARE(inode);   /* inode_get, inode_put, inode_put_rcu */
static inline bool inode_is(const struct inode *inode, u32 type) { return (POINTER_LOAD(inode->mode) & S_IFMT) == type; }

/** A place: both counted where it is kept. */
struct path { struct mount *mount; struct dentry *dentry; };

struct superblock_ops {
	void (*statfs)(struct superblock *sb, struct statfs *scoped out);      /* called with type, bsize, namelen … set */
	err_t (*sync)(struct superblock *sb);
	/** The last mount is gone, and all dentries: once. */
	void (*shutdown)(struct superblock *sb);
	/** Options for /proc/mounts, ",size=…". */
	size_t (*show_options)(struct superblock *sb, struct bytes text);
	err_t (*remount)(struct superblock *sb, struct cbytes options);
};
enum superblock_flags : u32 {
	SB_RDONLY = 1, SB_NOSUID = 2, SB_NODEV = 4, SB_NOEXEC = 8,
	SB_PINNED = 0x10000,                /* all names are in the cache, always: what is not there does not exist */
	SB_KERNEL = 0x20000,                /* only the kernel mounts it (pipefs …) */
	SB_NO_ATIME = 0x40000,
};
enum superblock_magic : u32 { TMPFS_MAGIC = 0x01021994 };   /* statfs(2), of those that others ask for */
struct superblock {
	const struct superblock_ops *ops; const struct fs_type *type;
	struct dentry *root;                /* counted */
	struct object *private;
	u32 dev_major, dev_minor; u32 flags; u32 magic; struct atomic64 next_ino;
	u32 name_max; u64 max_size;
	struct atomic32 mounts;             /* how many mounts show it */
	struct atomic32 writers;            /* regular files open for writing */
	struct byte_array *source;          /* of the first mount, for /proc/mounts */
};
OBJECT_DECLARE(superblock);

/** A file system: one constant, one registration. */
enum fs_type_flags : u32 { FS_NODEV = 1, FS_USER_MOUNT = 2 };
struct fs_type {
	u8 name[16];
	u32 flags;                          /* FS_NODEV: "nodev" in /proc/filesystems */
	/** Makes an instance (or finds the only one, with a reference more) with its root. `options` is mount(2)'s data. */
	err_t (*mount)(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out);
};
void fs_register(const struct fs_type *type);
/** Lines of /proc/filesystems and of /proc/mounts (of the running thread's root), from position *at on (0: start). => length; 0: end. Each call gives whole lines. */
size_t fs_types_text(struct bytes text, u64 *scoped at);
size_t mounts_text(struct bytes text, u64 *scoped at);
size_t mountinfo_text(struct bytes text, u64 *scoped at);

/** struct statfs of x86-64. Plain data. */
struct statfs { i64 type, bsize; u64 blocks, bfree, bavail, files, ffree; i32 fsid[2]; i64 namelen, frsize, flags, spare[4]; };

/* --- for file systems ------------------------------------------------------------------------------------------- */
/** => null: ENOMEM. Times are now, nlink 1, one reference, ino the superblock's next; uid and gid of the running thread (inode_init_owner). */
struct inode *inode_create(struct superblock *sb, const struct inode_ops *ops, const struct file_ops *file_ops, u32 mode);
/** What a new inode in `dir` gets: fsuid, fsgid or (setgid directory) dir's group, with the setgid bit for directories. */
void inode_init_owner(struct inode *inode, struct inode *dir);
err_t superblock_create(const struct fs_type *type, const struct superblock_ops *ops, u32 magic, struct superblock **scoped out);
/** Makes `inode` the root; takes over the reference. */
err_t superblock_set_root(struct superblock *sb, struct inode *inode);
/** Gives a negative dentry its inode; takes over the reference to it. In an SB_PINNED file system it becomes a directory's entry by that. */
void dentry_fill(struct dentry *dentry, struct inode *inode);
void dentry_ref(struct dentry *dentry);
void dentry_unref(struct dentry *dentry);   /* may sleep */
/** Copies its name (at most 255 bytes) into `name`, as much as fits; returns its whole length. The caller holds a reference and the parent's lock. */
size_t dentry_name(struct dentry *dentry, struct bytes name);
/** An entry made by the kernel itself in an SB_PINNED file system (devices, ptys); takes over the reference to inode on success. *out has a reference. => EEXIST, ENOMEM */
err_t dentry_make(struct dentry *parent, struct cbytes name, struct inode *inode, struct dentry **scoped out);
/** Removes it, as unlink would; the caller's reference stays. */
void dentry_drop(struct dentry *dentry);
/** Forgets a cached entry of a file system that is not SB_PINNED (a process that has gone). */
void dentry_forget(struct dentry *dentry);
/** The cached entry, with a reference. => null: none */
struct dentry *dentry_find(struct dentry *parent, struct cbytes name);
/** Ready-made ops of directories of SB_PINNED file systems: what they change is counts and times. */
err_t pinned_link(struct inode *dir, struct dentry *dentry, struct inode *target);
err_t pinned_unlink(struct inode *dir, struct dentry *dentry);
err_t pinned_rmdir(struct inode *dir, struct dentry *dentry);
err_t pinned_rename(struct inode *dir, struct dentry *dentry, struct inode *new_dir, struct dentry *new_dentry, u32 flags);
err_t pinned_readdir(struct file *file, struct dir_sink *scoped sink);
/** Takes down all that a directory has, names and directories, at the end of its file system: nobody else uses it any more. */
void pinned_drop(struct dentry *dir);
extern const struct file_ops pinned_dir_ops;
/** "." and "..", for readdir of file systems that number their entries from 2 on. => false: the sink is full */
bool dir_emit_dots(struct file *file, struct dir_sink *scoped sink);
/** Ready-made ops for regular files in the page cache (vm_object): read, write, map, seek with DATA and HOLE, fallocate. */
extern const struct file_ops page_file_ops;
/** Ready-made xattr ops, in memory: security., trusted., and user. where INODE_XATTR_USER. */
err_t simple_getxattr(struct inode *inode, struct cbytes name, struct bytes value, size_t *scoped len);
err_t simple_setxattr(struct inode *inode, struct cbytes name, struct cbytes value, u32 flags);
err_t simple_removexattr(struct inode *inode, struct cbytes name);
err_t simple_listxattr(struct inode *inode, struct bytes names, size_t *scoped len);
void inode_touch(struct inode *inode, bool mtime);     /**< ctime (and mtime) are now */
/** Options of mount data, "a=1,b": the next one from *at on. => false: the end */
bool option_next(struct cbytes options, size_t *scoped at, size_t *scoped start, size_t *scoped key_len, size_t *scoped value_start, size_t *scoped value_len);
bool parse_number(struct cbytes text, u32 base, u64 *scoped out);      /**< all of text; base 0: 0x…, 0…, decimal */

/* --- for services that open and walk ------------------------------------------------------------------------------ */
enum walk_flags : u32 {
	WALK_FOLLOW = 1, WALK_DIRECTORY = 2, WALK_NO_SYMLINKS = 8, WALK_BENEATH = 16, WALK_IN_ROOT = 32, WALK_NO_XDEV = 64, WALK_NO_MAGICLINKS = 128,
	WALK_EMPTY = 256, /* "" is dirfd itself */ WALK_CACHED = 512, WALK_CREATE = 1024, /* the last component is about to be made: see fs_impl.h */
};
enum : i32 { AT_FDCWD = -100 };
void path_get(const struct path *scoped path);
void path_put(struct path *scoped path);   /* nulls in it are fine; both are null afterwards */
/** Walks a path in user memory from `dirfd`. => references in *out. ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG … */
err_t path_lookup_user(i32 dirfd, uaddr_t name, u32 flags, struct path *scoped out);
/** The same, of text in the kernel, from the running thread's (or, in kernel tasks, the first) root and working directory. */
err_t path_lookup(struct cbytes name, u32 flags, struct path *scoped out);
err_t path_open(const struct path *scoped path, u32 flags, struct file **scoped out);
/** open(2) from within the kernel: init, exec, core. */
err_t file_open(struct cbytes name, u32 flags, u32 mode, struct file **scoped out);
/** Opens an inode that has no name: `name` and `ops` say how /proc shows it. Takes over the reference to it in each case. */
err_t file_open_unnamed(struct inode *inode, struct cbytes name, const struct dentry_ops *ops, u32 flags, struct file **scoped out);
/** openat(2) for execveat: permission MAY_EXEC, regular file (EACCES), not on a noexec mount (EACCES); AT_EMPTY_PATH by WALK_EMPTY. */
err_t file_open_exec(i32 dirfd, uaddr_t name, u32 walk_flags, struct file **scoped out);
err_t file_open_exec_kernel(struct cbytes name, struct file **scoped out);
/* What mkdir(2), mknod(2), symlink(2), link(2), unlink(2) and rmdir(2) do, by path text from within the kernel (initramfs, devices): without umask. Missing parents: ENOENT. */
err_t path_mkdir(struct cbytes name, u32 mode);
err_t path_mknod(struct cbytes name, u32 mode, u32 major, u32 minor);
err_t path_symlink(struct cbytes name, struct cbytes target);
err_t path_link(struct cbytes old, struct cbytes name);
err_t path_remove(struct cbytes name, bool directory);
/** mknod(2) for AF_UNIX bind: S_IFSOCK | mode & ~umask at a path of the running thread; *out has references. => EADDRINUSE where it exists */
err_t path_bind_socket(struct cbytes name, u32 mode, struct path *scoped out);
/** mount(2) from within the kernel: an instance of the type at `name`. */
err_t path_mount(struct cbytes type, struct cbytes source, struct cbytes name, u32 flags, struct cbytes options);
/** What chmod, chown, utimens and truncate do, without asking for permission; fs_notify is the caller's. */
err_t inode_change(struct inode *inode, const struct attr_change *scoped change);
/** Full path as getcwd and /proc show it, with " (deleted)" where it is, from the start of text. => ENAMETOOLONG; *len */
err_t path_text(const struct path *scoped path, struct bytes text, size_t *scoped len);
enum : u32 { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
/** By fsuid, fsgid, groups and capabilities of the running thread. => EACCES, EROFS, EPERM (immutable) */
err_t inode_permission(struct inode *inode, u32 mask);
void inode_attr(struct inode *inode, struct inode_attr *scoped attr);
/** nosuid and noexec of the mount (or its superblock), for execve and mmap. */
bool path_is_nosuid(const struct path *scoped path);
bool path_is_noexec(const struct path *scoped path);
bool file_is_noexec(struct file *file);
bool file_is_nosuid(struct file *file);
/** For execve: no writer may be there, and none comes until inode_allow_write. => ETXTBSY */
err_t inode_deny_write(struct inode *inode);
void inode_allow_write(struct inode *inode);

/** Root, working directory, umask; shared by CLONE_FS. */
struct fs_place;
struct fs_context { struct spin_lock lock; struct fs_place *root, *cwd; /* RCU, published under lock */ struct atomic32 umask; };
OBJECT_DECLARE(fs_context);   /* fs_context_get, fs_context_put (may sleep) */
err_t fs_context_create(struct fs_context **scoped out);
err_t fs_context_copy(struct fs_context *from, struct fs_context **scoped out);
u32 fs_umask(void);
u32 fs_context_umask(struct fs_context *fs);
/** Another's root and working directory, for /proc: with references. */
void fs_context_root(struct fs_context *fs, struct path *scoped out);
void fs_context_cwd(struct fs_context *fs, struct path *scoped out);

/** Device numbers: opening an S_IFCHR inode (major, minor) gives files with these ops. `open` may set private and other ops. */
struct device_ops { err_t (*open)(struct file *file, u32 minor); const struct file_ops *file_ops; };
void device_register(u32 major, u32 first_minor, u32 count, const struct device_ops *ops);

/**
 * For pipe/fifo.c: opening an S_IFIFO inode calls `open` (file->mode, flags and inode are set), which sets file->ops and private, or refuses
 * (ENXIO, EINTR as ERESTARTSYS …). No lock is held: it may wait for the other side. Set once at boot.
 */
typedef err_t fifo_open_fn(struct inode *inode, struct file *file);
void fifo_register(fifo_open_fn *open);

/** Tells inotify: `mask` as inotify(7) has it. One load where nobody watches. */
extern struct atomic32 fs_watchers;
/** /proc/sys/fs/inotify: a user's watches and instances, an instance's events. */
extern struct atomic32 inotify_watches_max, inotify_instances_max, inotify_events_max;
extern struct atomic32 lease_enabled, lease_break_seconds, notify_enabled;  /* sysctls: leases; their time, 0: for ever; F_NOTIFY */
void fs_notify_slow(struct dentry *dentry, u32 mask);

/** Forgets the names that nobody uses, with their inodes (proc(5), /proc/sys/vm/drop_caches). Sleeps. */
void fs_drop_caches(void);
static inline void fs_notify(struct dentry *dentry, u32 mask) { if (__builtin_expect(atomic32_load_relaxed(&fs_watchers) != 0, 0)) fs_notify_slow(dentry, mask); }

/** Makes the root (an empty tmpfs) and the tables. The first call of kernel_main to fs, after fs types are registered. */
err_t fs_init(void);

/** The place an open file was opened at, with references; of an anonymous file: a place of its own. For /proc/PID/fd. */
err_t file_path(struct file *file, struct path *scoped out);
/** Number of the mount it was opened in, for fdinfo; 0: in none. */
u32 file_mount_id(const struct file *file);
