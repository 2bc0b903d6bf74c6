// SPDX-License-Identifier: MPL-2.0
/**
 * File locks: POSIX locks (of a process, by bytes), open file description locks, and flock's.
 *
 * An inode's locks lie in one list, under a mutex of their own. POSIX and OFD locks exclude each other; flock's are a world of their own. Who
 * waits for a POSIX lock is noted in one place for all inodes, so that a circle of processes that wait for each other is found before it
 * closes (EDEADLK).
 *
 * Lock order: inode_locks.lock → waiters_lock, all_lock (leaves).
 *
 * Source: fcntl(2), flock(2), proc_locks(5).
 */
#include <syscall_handlers.h>

#include "locks_impl.h"

enum : u32 { F_GETLK = 5, F_SETLK, F_SETLKW, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW };
enum : i16 { F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2 };
enum : u32 { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
enum : u32 { DEADLOCK_DEPTH = 64 };

/** struct flock of x86-64. Plain data. */
struct flock { i16 type, whence; u32 pad; i64 start, len; i32 pid; u32 pad2; };
static_assert(sizeof(struct flock) == 32);

OBJECT_DEFINE(lock);
OBJECT_DEFINE(lock_waiter);

static struct mutex waiters_lock;
static struct waiter_list waiters GUARDED_BY(&waiters_lock);    /* for POSIX locks, of all inodes */
static struct spin_lock all_lock;
static struct inode_locks_list all GUARDED_BY(&all_lock);       /* of the inodes that ever had a lock */
static u64 serials GUARDED_BY(&all_lock);

static void
inode_locks_release(struct inode_locks *locks)
{
	for (struct lock *lock = lock_list_pop_front(&locks->list); lock != nullptr; lock = lock_list_pop_front(&locks->list))
		lock_put(lock);
}
OBJECT_DEFINE_RELEASE(inode_locks);

void
inode_locks_end(struct inode *inode)
{
	struct inode_locks *locks = inode_locks_from(inode->locks);
	{
		SPIN_SCOPE(&all_lock);
		inode_locks_list_remove(&all, locks);
	}
	inode_locks_put(locks);
}

struct inode_locks *
inode_locks_of(struct inode *inode)
{
	REF_SCOPE(inode_locks, fresh);
	if (POINTER_LOAD(inode->locks) != nullptr)
		return inode_locks_from(POINTER_LOAD(inode->locks));
	fresh = inode_locks_alloc();
	if (fresh == nullptr)
		return nullptr;
	fresh->dev_major = inode->sb->dev_major;
	fresh->dev_minor = inode->sb->dev_minor;
	fresh->ino = inode->ino;
	SPIN_SCOPE(&all_lock);
	if (inode->locks == nullptr) {
		fresh->serial = ++serials;
		POINTER_PUBLISH(inode->locks, inode_locks_object(fresh));
		inode_locks_list_push_back(&all, fresh);
		fresh = nullptr;
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

void
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
would_deadlock(struct fd_table *self, struct fd_table *holder) MUST_HOLD(&waiters_lock)
{
	for (u32 depth = 0; depth < DEADLOCK_DEPTH && holder != nullptr; depth++) {
		struct fd_table *next = nullptr;
		if (holder == self)
			return true;
		LIST_FOR(waiter_list, waiter, &waiters) {
			if (waiter->wanted.table == holder)
				next = waiter->holds;
		}
		holder = next;
	}
	return false;
}

/** Notes that one waits for the blocker. => EDEADLK: for itself */
static err_t
wait_begin(struct inode_locks *locks, struct lock_waiter *waiter, const struct lock *scoped blocker)
{
	waiter->holds = blocker->table;
	if (waiter->wanted.table != nullptr && blocker->table != nullptr) {
		MUTEX_SCOPE(&waiters_lock);
		if (would_deadlock(waiter->wanted.table, blocker->table))
			return EDEADLK;
		waiter_list_push_back(&waiters, waiter);
	}
	waiting_list_push_back(&locks->waiting, waiter);
	return OK;
}

static void
wait_end(struct inode_locks *locks, struct lock_waiter *waiter)
{
	MUTEX_SCOPE(&locks->lock);
	waiting_list_remove(&locks->waiting, waiter);
	MUTEX_SCOPE(&waiters_lock);
	if (waiter_list_linked(&waiters, waiter))
		waiter_list_remove(&waiters, waiter);
}

/** One try. => EAGAIN: the waiter, if there is one, stands in line, *seen is to change before the next */
static err_t
lock_try(struct inode_locks *locks, const struct lock *scoped wanted, bool unlock, struct lock *fresh, struct lock *spare, struct lock_waiter *waiter,
	u32 *scoped seen, bool *scoped spare_used)
{
	MUTEX_SCOPE(&locks->lock);
	struct lock *blocker = unlock ? nullptr : conflict_find(locks, wanted);
	if (blocker != nullptr) {
		*seen = atomic32_load(&locks->changes);
		if (waiter != nullptr)
			TRY(wait_begin(locks, waiter, blocker));
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
lock_wait(struct inode_locks *locks, u32 seen)
{
	return WAIT_UNTIL(&locks->wait, atomic32_load(&locks->changes) != seen, WAIT_INTERRUPTIBLE, TIME_NEVER);
}

/** Sets or takes back a lock. => EAGAIN, EDEADLK, ENOLCK, ERESTARTSYS */
static err_t
lock_set(struct inode *inode, const struct lock *scoped wanted, bool unlock, bool wait)
{
	REF_SCOPE(lock, fresh);
	REF_SCOPE(lock, spare);
	REF_SCOPE(lock_waiter, waiter);
	struct inode_locks *locks = inode_locks_of(inode);
	fresh = lock_alloc();
	spare = lock_alloc();
	waiter = wait ? lock_waiter_alloc() : nullptr;
	if (locks == nullptr || fresh == nullptr || spare == nullptr || (wait && waiter == nullptr))
		return ENOLCK;
	if (wait)
		lock_copy(&waiter->wanted, wanted);
	for (;;) {
		u32 seen = 0;
		bool spare_used = false;
		err_t err = lock_try(locks, wanted, unlock, fresh, spare, waiter, &seen, &spare_used);
		if (err == OK && !unlock)
			fresh = nullptr;
		if (spare_used)
			spare = nullptr;
		if (err != EAGAIN || !wait)
			return err;
		err = lock_wait(locks, seen);
		wait_end(locks, waiter);
		if (err != OK)
			return restartable(err);
	}
}

/* --- at close --- */

static void
locks_drop(struct inode *inode, const struct lock *scoped owner)
{
	struct inode_locks *locks = inode_locks_from(inode->locks);
	MUTEX_SCOPE(&locks->lock);
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

struct inode_locks *
file_locks_of(struct file *file)
{
	struct inode *inode = locked_inode(file);
	return inode != nullptr ? inode_locks_from(POINTER_LOAD(inode->locks)) : nullptr;
}

void
file_locks_release(struct file *file)
{
	struct inode *inode = locked_inode(file);
	if (inode == nullptr)
		return;
	locks_drop(inode, &(struct lock){ .flock = true, .file = file });
	locks_drop(inode, &(struct lock){ .file = file });
	struct inode_locks *locks = inode_locks_from(inode->locks);
	MUTEX_SCOPE(&locks->lock);
	leases_drop(locks, file);
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
lock_query(struct inode *inode, struct flock *scoped flock, const struct lock *scoped wanted)
{
	struct inode_locks *locks = inode_locks_of(inode);
	if (locks == nullptr)
		return ENOLCK;
	MUTEX_SCOPE(&locks->lock);
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
		TRY(lock_query(inode, &flock, &wanted));
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

/* --- /proc/locks --- */

static void
lock_show(const struct inode_locks *locks, const struct lock *scoped lock, u64 number, bool waits, file_locks_sink *sink, struct object *to)
{
	sink(to, &(struct file_lock_info){
		.number = number, .waits = waits, .write = lock->write, .start = lock->start, .end = lock->end, .to_eof = lock->end == OFFSET_MAX,
		.kind = lock->flock ? FILE_LOCK_FLOCK : lock->table != nullptr ? FILE_LOCK_POSIX : FILE_LOCK_OFD, .pid = lock->pid,
		.dev_major = locks->dev_major, .dev_minor = locks->dev_minor, .ino = locks->ino });
}

static void
lease_show(const struct inode_locks *locks, const struct lease *lease, u64 number, file_locks_sink *sink, struct object *to)
{
	struct file_lock_info info = { .number = number, .dev_major = locks->dev_major, .dev_minor = locks->dev_minor, .ino = locks->ino };
	lease_info(lease, &info);
	sink(to, &info);
}

/** An inode's locks, each followed by those that wait for it first of all. => the number of the last */
static u64
locks_show(struct inode_locks *locks, u64 number, file_locks_sink *sink, struct object *to)
{
	MUTEX_SCOPE(&locks->lock);
	LIST_FOR(waiting_list, waiter, &locks->waiting)
		waiter->behind = conflict_find(locks, &waiter->wanted);
	LIST_FOR(lock_list, lock, &locks->list) {
		lock_show(locks, lock, ++number, false, sink, to);
		LIST_FOR(waiting_list, waiter, &locks->waiting)
			if (waiter->behind == lock)
				lock_show(locks, &waiter->wanted, number, true, sink, to);
	}
	LIST_FOR(lease_list, lease, &locks->leases)
		lease_show(locks, lease, ++number, sink, to);
	return number;
}

/** The next inode's after `locks` (null: the first), with a reference; its own is put. */
static struct inode_locks *
inode_locks_after(struct inode_locks *locks)
{
	REF_SCOPE(inode_locks, last);
	last = locks;
	SPIN_SCOPE(&all_lock);
	struct inode_locks *next = last != nullptr && inode_locks_list_linked(&all, last) ? inode_locks_list_next(last) : inode_locks_list_first(&all);
	while (next != nullptr && last != nullptr && next->serial <= last->serial)
		next = inode_locks_list_next(next);
	if (next != nullptr)
		inode_locks_get(next);
	return next;
}

void
file_locks_list(file_locks_sink *sink, struct object *to)
{
	u64 number = 0;
	for (struct inode_locks *locks = inode_locks_after(nullptr); locks != nullptr; locks = inode_locks_after(locks))
		number = locks_show(locks, number, sink, to);
}

void
file_locks_list_of(struct file *file, struct fd_table *table, file_locks_sink *sink, struct object *to)
{
	struct inode *inode = locked_inode(file);
	if (inode == nullptr)
		return;
	struct inode_locks *locks = inode_locks_from(inode->locks);
	u64 number = 0;
	MUTEX_SCOPE(&locks->lock);
	LIST_FOR(lock_list, lock, &locks->list)
		if (lock->file == file || lock->table == table)
			lock_show(locks, lock, ++number, false, sink, to);
	LIST_FOR(lease_list, lease, &locks->leases)
		if (lease->file == file)
			lease_show(locks, lease, ++number, sink, to);
}
