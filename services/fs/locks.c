// SPDX-License-Identifier: MPL-2.0
/**
 * File locks: POSIX locks (of a process, by bytes), open file description locks, and flock's.
 *
 * An inode's locks lie in one list. POSIX and OFD locks exclude each other; flock's are a world of their own. Who waits for a POSIX lock is
 * noted, so that a circle of processes that wait for each other is found before it closes (EDEADLK).
 *
 * Lock order: locks_mutex is a leaf.
 *
 * Source: fcntl(2), flock(2).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

enum : u32 { F_GETLK = 5, F_SETLK, F_SETLKW, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW };
enum : i16 { F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2 };
enum : u32 { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
enum : u32 { DEADLOCK_DEPTH = 64 };
enum : u64 { OFFSET_MAX = ~(u64)0 >> 1 };

/** struct flock of x86-64. Plain data. */
struct flock { i16 type, whence; u32 pad; i64 start, len; i32 pid; u32 pad2; };
static_assert(sizeof(struct flock) == 32);

/** Owners are compared, never followed: a POSIX lock's is a descriptor table, the others' is a file. */
struct lock {
	bool flock, write;
	u64 start, end;                     /* both included */
	struct fd_table *table; struct file *file;
	u32 pid;                            /* for F_GETLK */
	LIST_LINK(struct lock) link;
};
OBJECT_DECLARE(lock);
OBJECT_DEFINE(lock);
LIST_OF(lock_list, struct lock, link);

struct inode_locks { struct lock_list list; struct wait_queue wait; struct atomic32 changes; };
OBJECT_DECLARE(inode_locks);
OBJECT_DEFINE(inode_locks);

/** A process that waits for another's POSIX lock. */
struct lock_waiter { struct fd_table *waits, *holds; LIST_LINK(struct lock_waiter) link; };
OBJECT_DECLARE(lock_waiter);
OBJECT_DEFINE(lock_waiter);
LIST_OF(waiter_list, struct lock_waiter, link);

static struct mutex locks_mutex;
static struct waiter_list waiters GUARDED_BY(&locks_mutex);

void
inode_locks_end(struct inode *inode)
{
	struct inode_locks *locks = inode_locks_from(inode->locks);
	for (struct lock *lock = lock_list_pop_front(&locks->list); lock != nullptr; lock = lock_list_pop_front(&locks->list))
		lock_put(lock);
	inode_locks_put(locks);
}

/** => null: ENOMEM */
static struct inode_locks *
locks_of(struct inode *inode) MUST_HOLD(&locks_mutex)
{
	if (inode->locks == nullptr) {
		struct inode_locks *locks = inode_locks_alloc();
		if (locks == nullptr)
			return nullptr;
		POINTER_PUBLISH(inode->locks, inode_locks_object(locks));
	}
	return inode_locks_from(inode->locks);
}

static inline bool
same_owner(const struct lock *scoped a, const struct lock *scoped b)
{
	return a->flock == b->flock && a->table == b->table && a->file == b->file;
}

static inline bool
overlaps(const struct lock *scoped a, const struct lock *scoped b)
{
	return a->start <= b->end && b->start <= a->end;
}

static struct lock *
conflict_find(struct inode_locks *locks, const struct lock *scoped wanted)
{
	LIST_FOR(lock_list, lock, &locks->list) {
		if (lock->flock == wanted->flock && !same_owner(lock, wanted) && overlaps(lock, wanted) && (lock->write || wanted->write))
			return lock;
	}
	return nullptr;
}

static void
locks_changed(struct inode_locks *locks)
{
	(void)atomic32_add(&locks->changes, 1);
	(void)wake_all(&locks->wait);
}

static void
lock_copy(struct lock *to, const struct lock *scoped from)
{
	to->flock = from->flock;
	to->write = from->write;
	to->start = from->start;
	to->end = from->end;
	to->table = from->table;
	to->file = from->file;
	to->pid = from->pid;
}

/** Lists are in the order of starts: the first conflict is the lowest. */
static void
lock_insert(struct inode_locks *locks, struct lock *fresh)
{
	struct lock *at = lock_list_first(&locks->list);
	while (at != nullptr && at->start <= fresh->start)
		at = lock_list_next(at);
	lock_list_insert_before(&locks->list, at, fresh);
}

/** Takes [start, end] out of the owner's locks. `spare` becomes the tail of one that is cut in two. => whether it did */
static bool
range_clear(struct inode_locks *locks, const struct lock *scoped range, struct lock *spare)
{
	bool used = false;
	struct lock *moved = nullptr;
	LIST_FOR_REMOVING(lock_list, lock, &locks->list) {
		if (!same_owner(lock, range) || !overlaps(lock, range))
			continue;
		if (lock->start < range->start && lock->end > range->end) {
			lock_copy(spare, lock);
			spare->start = range->end + 1;
			lock->end = range->start - 1;
			used = true;
		} else if (lock->start < range->start) {
			lock->end = range->start - 1;
		} else if (lock->end > range->end) {
			lock->start = range->end + 1;
			moved = lock;
		} else {
			lock_list_remove(&locks->list, lock);
			lock_put(lock);
		}
	}
	if (used)
		lock_insert(locks, spare);
	if (moved != nullptr) {
		lock_list_remove(&locks->list, moved);
		lock_insert(locks, moved);
	}
	return used;
}

/** Joins the new lock with the owner's neighbours of its kind. */
static void
range_join(struct inode_locks *locks, struct lock *fresh)
{
	LIST_FOR_REMOVING(lock_list, lock, &locks->list) {
		bool touches = same_owner(lock, fresh) && lock->write == fresh->write &&
		               (lock->end + 1 == fresh->start || fresh->end + 1 == lock->start);
		if (!touches)
			continue;
		fresh->start = MIN(fresh->start, lock->start);
		fresh->end = MAX(fresh->end, lock->end);
		lock_list_remove(&locks->list, lock);
		lock_put(lock);
	}
}

/** Whether `holder` waits, directly or through others, for one of `self`. */
static bool
would_deadlock(struct fd_table *self, struct fd_table *holder) MUST_HOLD(&locks_mutex)
{
	for (u32 depth = 0; depth < DEADLOCK_DEPTH && holder != nullptr; depth++) {
		struct fd_table *next = nullptr;
		if (holder == self)
			return true;
		LIST_FOR(waiter_list, waiter, &waiters) {
			if (waiter->waits == holder)
				next = waiter->holds;
		}
		holder = next;
	}
	return false;
}

/** One try. => EAGAIN: *blocker's owner is noted in *waiter, *seen is to change before the next */
static err_t
lock_try(struct inode *inode, const struct lock *scoped wanted, bool unlock, struct lock *fresh, struct lock *spare, struct lock_waiter *waiter,
	u32 *scoped seen, bool *scoped spare_used) MUST_HOLD(&locks_mutex)
{
	struct inode_locks *locks = locks_of(inode);
	if (locks == nullptr)
		return ENOLCK;
	struct lock *blocker = unlock ? nullptr : conflict_find(locks, wanted);
	if (blocker != nullptr) {
		*seen = atomic32_load(&locks->changes);
		if (waiter == nullptr || wanted->table == nullptr || blocker->table == nullptr)
			return EAGAIN;
		if (would_deadlock(wanted->table, blocker->table))
			return EDEADLK;
		waiter->waits = wanted->table;
		waiter->holds = blocker->table;
		waiter_list_push_back(&waiters, waiter);
		return EAGAIN;
	}
	*spare_used = range_clear(locks, wanted, spare);
	if (!unlock) {
		lock_copy(fresh, wanted);
		range_join(locks, fresh);
		lock_insert(locks, fresh);
	}
	locks_changed(locks);
	return OK;
}

static err_t
lock_wait(struct inode *inode, u32 seen)
{
	struct inode_locks *locks = inode_locks_from(inode->locks);
	return WAIT_UNTIL(&locks->wait, atomic32_load(&locks->changes) != seen, WAIT_INTERRUPTIBLE, TIME_NEVER);
}

/** Sets or takes back a lock. => EAGAIN, EDEADLK, ENOLCK, ERESTARTSYS */
static err_t
lock_set(struct inode *inode, const struct lock *scoped wanted, bool unlock, bool wait)
{
	REF_SCOPE(lock, fresh);
	REF_SCOPE(lock, spare);
	REF_SCOPE(lock_waiter, waiter);
	fresh = lock_alloc();
	spare = lock_alloc();
	waiter = wait ? lock_waiter_alloc() : nullptr;
	if (fresh == nullptr || spare == nullptr || (wait && waiter == nullptr))
		return ENOLCK;
	for (;;) {
		u32 seen = 0;
		bool spare_used = false;
		err_t err;
		{
			MUTEX_SCOPE(&locks_mutex);
			err = lock_try(inode, wanted, unlock, fresh, spare, waiter, &seen, &spare_used);
		}
		if (err == OK && !unlock)
			fresh = nullptr;
		if (spare_used)
			spare = nullptr;
		if (err != EAGAIN || !wait)
			return err;
		err = lock_wait(inode, seen);
		MUTEX_SCOPE(&locks_mutex);
		if (waiter_list_linked(&waiters, waiter))
			waiter_list_remove(&waiters, waiter);
		if (err != OK)
			return restartable(err);
	}
}

/* --- at close --- */

static void
locks_drop(struct inode *inode, const struct lock *scoped owner)
{
	MUTEX_SCOPE(&locks_mutex);
	struct inode_locks *locks = inode_locks_from(inode->locks);
	bool any = false;
	LIST_FOR_REMOVING(lock_list, lock, &locks->list) {
		if (!same_owner(lock, owner))
			continue;
		lock_list_remove(&locks->list, lock);
		lock_put(lock);
		any = true;
	}
	if (any)
		locks_changed(locks);
}

static inline struct inode *
locked_inode(struct file *file)
{
	struct inode *inode = (file->mode & FILE_ANONYMOUS) != 0 ? POINTER_LOAD(file->own_inode) : file->inode;
	return inode != nullptr && POINTER_LOAD(inode->locks) != nullptr ? inode : nullptr;
}

void
file_locks_release(struct file *file)
{
	struct inode *inode = locked_inode(file);
	if (inode == nullptr)
		return;
	locks_drop(inode, &(struct lock){ .flock = true, .file = file });
	locks_drop(inode, &(struct lock){ .file = file });
}

void
file_locks_flush(struct file *file, struct fd_table *table)
{
	struct inode *inode = locked_inode(file);
	if (inode != nullptr)
		locks_drop(inode, &(struct lock){ .table = table });
}

/* --- fcntl(2) --- */

/** The range that a struct flock names. => EINVAL, EOVERFLOW */
static err_t
range_of(struct file *file, const struct flock *scoped flock, struct lock *scoped range)
{
	struct inode_attr attr = {};
	i64 base = 0, start, end;
	if (flock->whence == SEEK_CUR)
		base = (i64)file->position;
	else if (flock->whence == SEEK_END)
		file_attr(file, &attr), base = (i64)attr.size;
	else if (flock->whence != SEEK_SET)
		return EINVAL;
	if (__builtin_add_overflow(base, flock->start, &start))
		return EOVERFLOW;
	if (start < 0)
		return EINVAL;
	end = (i64)OFFSET_MAX;
	if (flock->len > 0 && __builtin_add_overflow(start, flock->len - 1, &end))
		return EOVERFLOW;
	if (flock->len < 0) {
		end = start - 1;
		start += flock->len;
		if (start < 0)
			return EINVAL;
	}
	range->start = (u64)start;
	range->end = (u64)end;
	return OK;
}

static err_t
lock_query(struct inode *inode, struct file *file, struct flock *scoped flock, const struct lock *scoped wanted)
{
	(void)file;
	MUTEX_SCOPE(&locks_mutex);
	struct inode_locks *locks = locks_of(inode);
	if (locks == nullptr)
		return ENOLCK;
	struct lock *blocker = conflict_find(locks, wanted);
	if (blocker == nullptr) {
		flock->type = F_UNLCK;
		return OK;
	}
	flock->type = blocker->write ? F_WRLCK : F_RDLCK;
	flock->whence = SEEK_SET;
	flock->start = (i64)blocker->start;
	flock->len = blocker->end == OFFSET_MAX ? 0 : (i64)(blocker->end - blocker->start + 1);
	flock->pid = blocker->table != nullptr ? (i32)blocker->pid : -1;
	return OK;
}

static err_t
lock_allowed(const struct file *file, i16 type)
{
	if (type == F_RDLCK)
		return (file->mode & FILE_READ) != 0 ? OK : EBADF;
	if (type == F_WRLCK)
		return (file->mode & FILE_WRITE) != 0 ? OK : EBADF;
	return type == F_UNLCK ? OK : EINVAL;
}

/** Whether the descriptor has been closed by another thread: its close has looked for locks before this one was there, so nobody would take it back. */
static bool
was_closed(i32 fd, const struct file *file)
{
	REF_SCOPE(file, now);
	return fd_get_any(fd, &now) != OK || now != file;
}

err_t
file_lock_control(i32 fd, struct file *file, u32 command, uaddr_t arg)
{
	struct flock flock = {};
	struct inode *inode = file_inode(file);
	bool ofd = command >= F_OFD_GETLK, get = command == F_GETLK || command == F_OFD_GETLK;
	if (inode == nullptr)
		return ENOLCK;
	TRY(copy_in_value(flock, arg));
	if (ofd && flock.pid != 0)
		return EINVAL;
	if (get && flock.type != F_RDLCK && flock.type != F_WRLCK)
		return EINVAL;
	struct lock wanted = { .write = flock.type == F_WRLCK, .table = ofd ? nullptr : files_current(), .file = ofd ? file : nullptr, .pid = process_current()->pid };
	TRY(range_of(file, &flock, &wanted));
	if (get) {
		TRY(lock_query(inode, file, &flock, &wanted));
		return copy_out_value(arg, flock);
	}
	TRY(lock_allowed(file, flock.type));
	TRY(lock_set(inode, &wanted, flock.type == F_UNLCK, command == F_SETLKW || command == F_OFD_SETLKW));
	if (ofd || flock.type == F_UNLCK || !was_closed(fd, file))
		return OK;
	(void)lock_set(inode, &wanted, true, false);
	return EBADF;
}

/* --- flock(2) --- */

static err_t
flock_file(struct file *file, u32 op)
{
	struct inode *inode = file_inode(file);
	if (inode == nullptr)
		return ENOLCK;
	u32 kind = op & ~(u32)LOCK_NB;
	struct lock wanted = { .flock = true, .write = kind == LOCK_EX, .end = OFFSET_MAX, .file = file, .pid = process_current()->pid };
	if (kind == LOCK_UN && locked_inode(file) == nullptr)
		return OK;
	return lock_set(inode, &wanted, kind == LOCK_UN, (op & LOCK_NB) == 0);
}

err_t
sys_flock(i32 fd, u32 op)
{
	u32 kind = op & ~(u32)LOCK_NB;
	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return EINVAL;
	struct file *file = nullptr;
	TRY(fd_get(fd, &file));
	err_t err = flock_file(file, op);
	file_put(file);
	return err;
}
