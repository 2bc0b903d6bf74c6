// SPDX-License-Identifier: MPL-2.0
/**
 * Leases: the holder of one is told, by a signal, when another open would conflict, and has some time to let go before that goes on.
 *
 * A lease belongs to an open file. A read lease says that nobody has the file open for writing, a write lease that nobody else has it open at all.
 * An open (or truncate(2)) that conflicts *breaks* it: the holder gets a signal, and the opener waits until the lease is taken back or made
 * weaker, by the holder or because its time is over. Time is looked at by those who wait and by those who ask: no timer is needed.
 *
 * That an open and a new lease do not miss each other: the open counts itself in inode.writers or inode.readers before it looks for
 * inode.locks; the lease is put there before the counts are looked at. Both are atomic changes of memory, in order on all processors.
 *
 * Source: fcntl(2), "Leases"; proc_sys_fs(5) (leases-enable, lease-break-time).
 */
#include <poll.h>
#include <session.h>

#include "locks_impl.h"

OBJECT_DEFINE(lease);

struct atomic32 lease_enabled, lease_break_seconds;

void
leases_init(void)
{
	atomic32_store(&lease_enabled, 1);
	atomic32_store(&lease_break_seconds, 45);
}

/** Changes what a lease is, and wakes who waits for that. F_UNLCK: it is taken off, and the file has no owner any more. */
static void
lease_change(struct inode_locks *locks, struct lease *lease, enum file_lease type) MUST_HOLD(&locks->lock)
{
	lease->type = type;
	if (type == LEASE_READ)
		lease->breaking &= ~(u32)LEASE_DOWNGRADES;
	if (type == LEASE_NONE) {
		atomic32_store(&lease->file->owner_pid, 0);
		atomic32_store(&lease->file->owner_signal, 0);
		lease_list_remove(&locks->leases, lease);
		lease_put(lease);
	}
	locks_changed(locks);
}

/** Does what the holders did not do in time. */
static void
leases_time_out(struct inode_locks *locks) MUST_HOLD(&locks->lock)
{
	u64 now = clock_now();
	LIST_FOR_REMOVING(lease_list, lease, &locks->leases) {
		if ((lease->breaking & LEASE_UNLOCKS) != 0 && lease->unlock_at <= now)
			lease_change(locks, lease, LEASE_NONE);
		else if ((lease->breaking & LEASE_DOWNGRADES) != 0 && lease->downgrade_at <= now)
			lease_change(locks, lease, LEASE_READ);
	}
}

static struct lease *
lease_of(struct inode_locks *locks, const struct file *file) MUST_HOLD(&locks->lock)
{
	LIST_FOR(lease_list, lease, &locks->leases) {
		if (lease->file == file)
			return lease;
	}
	return nullptr;
}

/** What is left of it once what was asked is done. */
static enum file_lease
lease_goal(const struct lease *lease)
{
	return (lease->breaking & LEASE_UNLOCKS) != 0 ? LEASE_NONE : (lease->breaking & LEASE_DOWNGRADES) != 0 ? LEASE_READ : lease->type;
}

void
leases_drop(struct inode_locks *locks, const struct file *file)
{
	struct lease *lease = lease_of(locks, file);
	if (lease != nullptr)
		lease_change(locks, lease, LEASE_NONE);
}

/* --- fcntl(2) --- */

/** => EAGAIN: the file is open in a way that such a lease does not bear */
static err_t
lease_check_opens(const struct inode *inode, const struct file *file, enum file_lease type)
{
	u32 writers = atomic32_load(&inode->writers), readers = atomic32_load(&inode->readers);
	bool writes = (file->mode & FILE_WRITE) != 0;
	if (type == LEASE_READ)
		return (i32)writers > 0 ? EAGAIN : OK;
	return writers != (writes ? 1 : 0) || readers != (writes ? 0 : 1) ? EAGAIN : OK;
}

/** => EAGAIN: another's lease is in the way */
static err_t
lease_check_others(struct inode_locks *locks, const struct file *file, enum file_lease type) MUST_HOLD(&locks->lock)
{
	LIST_FOR(lease_list, lease, &locks->leases) {
		if (lease->file != file && (type == LEASE_WRITE || (lease->breaking & LEASE_UNLOCKS) != 0))
			return EAGAIN;
	}
	return OK;
}

static err_t
lease_take(struct inode *inode, struct file *file, i32 fd, enum file_lease type)
{
	REF_SCOPE(lease, fresh);
	struct inode_locks *locks = inode_locks_of(inode);
	fresh = lease_alloc();
	if (locks == nullptr || fresh == nullptr)
		return ENOMEM;
	MUTEX_SCOPE(&locks->lock);
	leases_time_out(locks);
	TRY(lease_check_opens(inode, file, type));
	TRY(lease_check_others(locks, file, type));
	struct lease *lease = lease_of(locks, file);
	if (lease == nullptr && atomic32_load_relaxed(&lease_enabled) == 0)
		return EINVAL;
	TRY(file_owner_default(file));
	if (lease == nullptr) {
		lease = fresh;
		fresh = nullptr;
		lease->file = file;
		lease->pid = process_current()->pid;
		lease_list_push_back(&locks->leases, lease);
	}
	lease->fd = fd;
	lease_change(locks, lease, type);
	return OK;
}

static err_t
lease_give_back(struct file *file)
{
	struct inode_locks *locks = file_locks_of(file);
	if (locks == nullptr)
		return EAGAIN;
	MUTEX_SCOPE(&locks->lock);
	struct lease *lease = lease_of(locks, file);
	if (lease == nullptr)
		return EAGAIN;
	lease_change(locks, lease, LEASE_NONE);
	return OK;
}

err_t
file_lease_set(struct file *file, i32 fd, u64 type)
{
	struct inode *inode = file_inode(file);
	if (type > LEASE_NONE || inode == nullptr)
		return EINVAL;
	if (cred_current()->fsuid != POINTER_LOAD(inode->uid) && !capable(CAP_LEASE))
		return EACCES;
	if (!inode_is(inode, S_IFREG))
		return EINVAL;
	return type == LEASE_NONE ? lease_give_back(file) : lease_take(inode, file, fd, (enum file_lease)type);
}

enum file_lease
file_lease_get(struct file *file)
{
	struct inode_locks *locks = file_locks_of(file);
	if (locks == nullptr)
		return LEASE_NONE;
	MUTEX_SCOPE(&locks->lock);
	leases_time_out(locks);
	const struct lease *lease = lease_of(locks, file);
	return lease != nullptr ? lease_goal(lease) : LEASE_NONE;
}

/* --- opening --- */

/** Asks the holder to let go, unless it has been asked. */
static void
lease_tell(struct lease *lease, bool writes, u64 due)
{
	if (writes ? (lease->breaking & LEASE_UNLOCKS) != 0 : lease->breaking != 0)
		return;
	if (writes)
		lease->unlock_at = due;
	else
		lease->downgrade_at = due;
	lease->breaking |= writes ? LEASE_UNLOCKS : LEASE_DOWNGRADES;
	file_owner_signal(lease->file, POLL_MSG_CODE, (i32)(POLL_IN | POLL_RDNORM | POLL_MSG), lease->fd);
}

/** One look. => whether a lease is in the way: until *due at most, or until *seen changes */
static bool
leases_break(struct inode_locks *locks, bool writes, u32 *scoped seen, u64 *scoped due)
{
	MUTEX_SCOPE(&locks->lock);
	leases_time_out(locks);
	u32 seconds = atomic32_load_relaxed(&lease_break_seconds);
	u64 latest = seconds != 0 ? clock_now() + seconds * NS_PER_SEC : TIME_NEVER;
	bool any = false;
	*due = TIME_NEVER;
	*seen = atomic32_load(&locks->changes);
	LIST_FOR(lease_list, lease, &locks->leases) {
		if (!writes && lease->type != LEASE_WRITE)
			continue;
		lease_tell(lease, writes, latest);
		*due = MIN(*due, (lease->breaking & LEASE_UNLOCKS) != 0 ? lease->unlock_at : lease->downgrade_at);
		any = true;
	}
	return any;
}

err_t
inode_leases_break(struct inode *inode, u32 flags)
{
	struct inode_locks *locks = inode_locks_from(POINTER_LOAD(inode->locks));
	u32 seen = 0;
	u64 due = 0;
	while (leases_break(locks, (flags & O_ACCMODE) != O_RDONLY, &seen, &due)) {
		if ((flags & O_NONBLOCK) != 0)
			return EAGAIN;
		err_t err = WAIT_UNTIL(&locks->wait, atomic32_load(&locks->changes) != seen, WAIT_INTERRUPTIBLE, due);
		if (err != OK && err != ETIMEDOUT)
			return restartable(err);
	}
	return OK;
}

/* --- /proc/locks --- */

void
lease_info(const struct lease *lease, struct file_lock_info *scoped info)
{
	enum file_lease goal = lease_goal(lease);
	info->kind = FILE_LOCK_LEASE;
	info->pid = lease->pid;
	info->breaking = lease->breaking != 0;
	info->write = goal == LEASE_WRITE;
	info->unlocks = goal == LEASE_NONE;
	info->to_eof = true;
}
