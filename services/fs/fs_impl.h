// SPDX-License-Identifier: MPL-2.0
/**
 * What the files of services/fs share: mounts, the walk, the dentry cache's inside.
 *
 * A mount has users (paths, files, children) and its place in the tree counts as one. When the users are gone, so is the mount.
 */
#pragma once

#include <cadre/log.h>
#include <cadre/sync.h>

#include <inode.h>
#include <signal.h>
#include <thread.h>

OBJECT_DECLARE(dentry);
struct mount_list;

enum mount_flags : u32 {
	MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_SYNCHRONOUS = 0x10, MS_REMOUNT = 0x20, MS_MANDLOCK = 0x40, MS_DIRSYNC = 0x80,
	MS_NOSYMFOLLOW = 0x100, MS_NOATIME = 0x400, MS_NODIRATIME = 0x800, MS_BIND = 0x1000, MS_MOVE = 0x2000, MS_REC = 0x4000, MS_SILENT = 0x8000,
	MS_POSIXACL = 0x10000, MS_UNBINDABLE = 0x20000, MS_PRIVATE = 0x40000, MS_SLAVE = 0x80000, MS_SHARED = 0x100000, MS_RELATIME = 0x200000,
	MS_I_VERSION = 0x800000, MS_STRICTATIME = 0x1000000, MS_LAZYTIME = 0x2000000,
	MS_MOUNT_FLAGS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME | MS_RELATIME,
};
enum : u32 { AT_SYMLINK_NOFOLLOW = 0x100, AT_EACCESS = 0x200, AT_REMOVEDIR = 0x200, AT_SYMLINK_FOLLOW = 0x400, AT_NO_AUTOMOUNT = 0x800, AT_EMPTY_PATH = 0x1000, AT_STATX_SYNC_TYPE = 0x6000 };
enum : u32 { MOUNT_DEAD = (u32)1 << 31, DENTRY_DEAD = (u32)1 << 31, DENTRY_LOOSE = 1 << 30 /* not in the cache: goes with its last user */ };
enum inotify_mask : u32 {
	IN_ACCESS = 1, IN_MODIFY = 2, IN_ATTRIB = 4, IN_CLOSE_WRITE = 8, IN_CLOSE_NOWRITE = 0x10, IN_OPEN = 0x20, IN_MOVED_FROM = 0x40, IN_MOVED_TO = 0x80,
	IN_CREATE = 0x100, IN_DELETE = 0x200, IN_DELETE_SELF = 0x400, IN_MOVE_SELF = 0x800, IN_UNMOUNT = 0x2000, IN_Q_OVERFLOW = 0x4000, IN_IGNORED = 0x8000,
	IN_ONLYDIR = 0x1000000, IN_DONT_FOLLOW = 0x2000000, IN_EXCL_UNLINK = 0x4000000, IN_MASK_CREATE = 0x10000000, IN_MASK_ADD = 0x20000000,
	IN_ISDIR = 0x40000000, IN_ONESHOT = 0x80000000,
};

enum : u32 { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2, RENAME_WHITEOUT = 4 };
enum : u32 { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2 };
enum : u32 { F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_WRITE = 8, F_SEAL_FUTURE_WRITE = 16, F_SEAL_EXEC = 32, F_SEAL_ALL = 63 };

struct mount {
	struct mount *next;                 /* chain of mount_find, RCU */
	struct mount *parent;               /* a user of it; itself at the root of a tree */
	struct dentry *mountpoint;          /* counted; in the parent */
	struct dentry *root;                /* [const] counted */
	struct superblock *sb;              /* [const] counted */
	struct atomic32 users;
	struct atomic32 flags;              /* MS_MOUNT_FLAGS */
	u32 id;                             /* [const] */
	LIST_LINK(struct mount) link;       /* all mounts, in order of mounting; under mount_mutex */
	struct mount *clone;                /* while a tree is copied: the copy of this one; under mount_mutex */
	bool expiring;                      /* MNT_EXPIRE was asked once; under mount_mutex */
};
OBJECT_DECLARE(mount);
LIST_OF(mount_list, struct mount, link);

/* --- mount.c --- */
extern struct mutex mount_mutex;
void mount_ref(struct mount *mount);
bool mount_ref_live(struct mount *mount);           /* => false: it is going; in RCU */
void mount_unref(struct mount *mount);
/** What is mounted at a place, the topmost; null: nothing. In RCU, without a reference. */
struct mount *mount_find(struct mount *mount, struct dentry *dentry);
struct mount *mount_root(void);
err_t mount_want_write(struct mount *mount);        /* => EROFS */
static inline u32 mount_flags(const struct mount *mount) { return atomic32_load_relaxed(&mount->flags) | mount->sb->flags; }
bool dentry_is_busy_mountpoint(struct dentry *dentry);
err_t mount_create(struct superblock *sb, struct dentry *root, u32 flags, struct mount **scoped out) MUST_HOLD(&mount_mutex);
void mount_attach(struct mount *mount, const struct path *scoped at) MUST_HOLD(&mount_mutex);
void mount_detach(struct mount *mount) MUST_HOLD(&mount_mutex);
void superblock_abandon(struct superblock *sb);     /* an instance that no mount ever showed; puts the reference */
struct mount *mount_set_root(struct mount *mount) MUST_HOLD(&mount_mutex);
extern struct mount_list mount_all;
err_t mount_init(void);
const struct fs_type *fs_type_find(struct cbytes name);
u32 fs_type_name_len(const struct fs_type *type);

/* --- dcache.c --- */
/** A component of a path: its hash and its first bytes as words, zeroes behind. */
struct name { u64 word[NAME_SHORT / 8]; u64 hash; u32 len; };
void dcache_init(void);
/** In RCU, without a reference. `text` is looked at where the name is long. */
struct dentry *dcache_find(struct dentry *parent, const struct name *scoped name, struct cbytes text);
bool dentry_ref_live(struct dentry *dentry);        /* => false: it is going; in RCU */
bool dentry_is_dead(struct dentry *dentry);
static inline u64
name_hash_step(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}
void name_make(struct name *scoped name, struct cbytes text);
/**
 * Looks `name` up in the directory, asking its file system on a miss. The directory's lock is held (`exclusive`: for writing).
 * => *out has a reference; negative where there is nothing. A pinned file system's negative dentries are loose: they go unless filled.
 */
err_t dentry_lookup_locked(struct dentry *dir, struct cbytes text, struct dentry **scoped out);
/** The same without a lock held; null where there is nothing. */
err_t dentry_lookup(struct dentry *dir, const struct name *scoped name, struct cbytes text, struct dentry **scoped out);
void dentry_remove(struct dentry *dentry);          /* after unlink, rmdir: under the directory's lock */
void dentry_move(struct dentry *dentry, struct dentry *to, bool exchange); /* after rename: takes the place of `to` */
void dcache_purge(struct superblock *sb);           /* of what nobody uses */
extern struct atomic32 rename_sequence;             /* odd while dentries move */
extern struct mutex rename_mutex;                   /* directories move only under it */
struct dentry *dentry_create(struct dentry *parent, struct superblock *sb, struct cbytes text);
void dentry_attach(struct dentry *dentry, struct inode *inode);  /* dentry_fill without a name: roots, O_TMPFILE */
bool dentry_below(struct dentry *dentry, struct dentry *ancestor);
static inline bool dentry_is_hashed(struct dentry *dentry) { return (atomic32_load(&dentry->flags) & DENTRY_HASHED) != 0; }
u32 dcache_shrink(u32 count);

/** A dentry's name, a struct cbytes, valid while the caller holds a reference and the parent's lock. */
#define dentry_text(dentry)                                                                                            \
	((dentry)->long_name != nullptr ? bytes_const(byte_array_bytes((dentry)->long_name)) :                         \
	                                  cbytes_sub(CBYTES_OF((dentry)->name), 0, MIN((dentry)->name_len, (u32)NAME_SHORT)))

/* --- walk.c --- */
/** The parent of a path's last component, for calls that make or remove names. The name is in name[0 .. len). */
struct walk_last { struct path parent; u32 len; bool slash; bool dots; u8 name[NAME_MAX + 1]; };
err_t path_parent(i32 dirfd, struct cbytes path, u32 flags, struct walk_last *scoped out);
err_t path_lookup_at(i32 dirfd, struct cbytes path, u32 flags, struct path *scoped out);
/** The same for a link's text, from the directory that the link is in; counts the links followed. */
err_t path_parent_from(const struct path *scoped from, struct cbytes path, u32 flags, u32 *scoped links, struct walk_last *scoped out);
/** stat(2) by path, without a reference where that goes. */
err_t path_attr(i32 dirfd, struct cbytes path, u32 flags, struct inode_attr *scoped attr);
/**
 * Declares `path`, a slice of a path argument copied from user memory: on the stack, or where that is too small for it in the heap.
 * => returns with ENAMETOOLONG, EFAULT, ENOMEM
 */
#define PATH_ARG(path, user)                                                                                           \
	u8 path##_small[PATH_SMALL];                                                                                   \
	REF_SCOPE(byte_array, path##_large);                                                                           \
	size_t path##_len = 0;                                                                                         \
	TRY(path_copy_in((user), BYTES_OF(path##_small), &path##_large, &path##_len));                                 \
	struct cbytes path = cbytes_sub(path##_large != nullptr ? bytes_const(byte_array_bytes(path##_large)) : CBYTES_OF(path##_small), 0, path##_len)
enum : size_t { PATH_SMALL = 128 };
err_t path_copy_in(uaddr_t user, struct bytes small, struct byte_array **scoped large, size_t *scoped len);

/* --- context.c --- */
struct fs_place { struct path path; };              /* immutable, RCU */
OBJECT_DECLARE(fs_place);
struct fs_context *fs_context_current(void);        /* the first context in kernel tasks */
err_t fs_context_set(struct fs_context *fs, const struct path *scoped path, bool root);
err_t context_init(void);

/* --- file.c, open.c --- */
err_t file_path(struct file *file, struct path *scoped out);   /* with references; of an anonymous file: a place of its own */
void file_attr(struct file *file, struct inode_attr *scoped attr);
void fd_give(i32 fd, struct file *file);            /* fd_fill for a new file: takes over the caller's reference */
err_t inode_readlink(struct inode *inode, struct bytes text, size_t *scoped len);
err_t path_text_from_root(const struct path *scoped path, struct bytes text, size_t *scoped len, bool *scoped reachable);
err_t dentry_path_text(struct dentry *dentry, struct dentry *root, struct bytes text, size_t *scoped len);
bool path_is_removed(const struct path *scoped path);
err_t file_prepare(const struct path *scoped path, u32 flags, struct file **scoped out);
err_t file_read_locked(struct file *file, bool exclusive, struct uio *scoped uio, u64 *scoped moved);
err_t file_write_locked(struct file *file, bool exclusive, struct uio *scoped uio, u64 *scoped moved);
err_t seek_target(const struct file *file, i64 off, u32 whence, u64 size, u64 *scoped to);
/** How much may be written at `off`. => EFBIG, with SIGXFSZ where it is RLIMIT_FSIZE's */
err_t file_size_limit(struct inode *inode, u64 off, u64 *scoped len);
void file_accessed(struct file *file);
void inode_accessed(struct inode *inode, u32 flags);    /* atime, as the mount's flags have it */
void signal_self(u32 number);
void file_async_end(struct file *file);             /* async.c */
/** Signals the file's owner, as F_SETOWN and F_SETSIG have it: `code`, `band` and `fd` go with a signal that was asked for. */
void file_owner_signal(struct file *file, i32 code, i32 band, i32 fd);
enum : i32 { POLL_MSG_CODE = 3 };                   /* POLL_MSG of sigaction(2) */
/** Makes the running process the owner of a file that has none. */
err_t file_owner_default(struct file *file);
/** F_NOTIFY (dnotify.c): asks for signals of what happens in a directory; DN_MULTISHOT or 0 alone: no more. => ENOTDIR, ENOMEM */
err_t file_notify_set(struct file *file, i32 fd, u32 asked);
/** Ends what was asked for by `table`; null: by any. Sleeps. */
void file_notices_end(struct file *file, const struct fd_table *table);
static inline void
file_notices_flush(struct file *file, const struct fd_table *table)
{
	if (__builtin_expect(atomic32_load_relaxed(&fs_watchers) != 0, 0))
		file_notices_end(file, table);
}

/* --- anonymous.c --- */
err_t anonymous_init(void);
struct dentry *kind_dentry(enum file_kind kind);
struct inode *kind_inode_create(const struct file *file);
u32 kind_mode(const struct file *file);
size_t kind_text(const struct file *file, struct bytes text);
void kind_attr(const struct file *file, struct inode_attr *scoped attr);

/* --- extent_ioctls.c --- */

enum extent_command : u32 {
	FIBMAP = 1, FICLONE = 0x40049409, FICLONERANGE = 0x4020940d, FIDEDUPERANGE = 0xc0189436, FIFREEZE = 0xc0045877, FITHAW = 0xc0045878,
	FS_IOC_FIEMAP = 0xc020660b,
};

/** Answers an enum extent_command. FIBMAP only of a regular file. => the error of a file whose file system has none of it */
err_t extent_ioctl(struct file *file, u32 command, u64 arg);

/* --- file.c, open.c --- */
void file_locks_release(struct file *file);         /* locks.c: flock and OFD locks, at the last reference */
void file_locks_flush(struct file *file, struct fd_table *table);  /* POSIX locks of the table's users, at each close */
err_t file_lock_control(i32 fd, struct file *file, u32 command, uaddr_t arg);   /* fcntl's F_SETLK and its kin */
void inode_locks_end(struct inode *inode);
/** open.c: counts a writer; the caller counts it out. => ETXTBSY: it is being executed */
err_t inode_writer_enter(struct inode *inode);
enum file_lease : u32 { LEASE_READ, LEASE_WRITE, LEASE_NONE };     /* F_RDLCK, F_WRLCK, F_UNLCK */
void leases_init(void);
/** lease.c: fcntl's F_SETLEASE and F_GETLEASE. => EACCES, EINVAL, EAGAIN, ENOMEM */
err_t file_lease_set(struct file *file, i32 fd, u64 type);
enum file_lease file_lease_get(struct file *file);
/** What an open with `flags` does, once it is counted, if inode->locks is there: waits until no lease is in the way. => EAGAIN (O_NONBLOCK), ERESTARTSYS */
err_t inode_leases_break(struct inode *inode, u32 flags);
err_t file_async_set(struct file *file, i32 fd, bool on);  /* async.c: O_ASYNC */
err_t device_open(struct inode *inode, struct file *file);

/* --- xattr.c --- */
void xattr_list_end(struct xattr_list *list);
bool text_starts(struct cbytes text, struct cbytes prefix);

/* --- change.c --- */
err_t may_create(struct inode *dir);
err_t may_remove(struct inode *dir, const struct dentry *dentry, bool directory);  /* name_calls.c */
/* inotify.c: what a rename tells the directories, before the names change, and the moved inodes, after it. */
void fs_notify_move(struct dentry *old, struct dentry *new, u32 flags);
void fs_notify_self(struct inode *inode, u32 mask); /* who watches the inode itself, not its directory */
void fs_notify_gone(struct inode *inode);           /* its last name and user are gone */
void fs_notify_unmount(struct superblock *sb);
void inode_watches_end(struct inode *inode);
void inotify_init(void);
void notices_init(void);
void fs_notify_moved(struct dentry *old, struct dentry *new, u32 flags);
err_t inode_setattr_checked(const struct path *scoped path, struct attr_change *scoped change);
void inode_kill_suid(struct inode *inode);          /* at writes by others; lock held */
err_t inode_truncate(struct inode *inode, u64 size);
