// SPDX-License-Identifier: MPL-2.0
/**
 * What an inode's locks and leases are: for locks.c and lease.c.
 *
 * Both lie under inode_locks.lock. inode->locks is published once, when the first of them is asked for, and stays.
 */
#pragma once

#include "fs_impl.h"

enum : u64 { OFFSET_MAX = ~(u64)0 >> 1 };
enum lease_breaking : u32 { LEASE_UNLOCKS = 1, LEASE_DOWNGRADES = 2 };

/** Owners are compared, never followed: a POSIX lock's is a descriptor table, the others' is a file. */
struct lock {
	bool flock, write;
	u64 start, end;                     /* both included */
	struct fd_table *table; struct file *file;
	u32 pid;                            /* for F_GETLK */
	LIST_LINK(struct lock) link;
};
OBJECT_DECLARE(lock);
LIST_OF(lock_list, struct lock, link);

/** Who waits for a lock: what it wants, and for a POSIX lock whose process it waits for. */
struct lock_waiter {
	struct lock wanted;                 /* [const] while it stands anywhere */
	struct fd_table *holds;
	struct lock *behind;                /* under the inode's lock, while /proc/locks is made: the first in its way */
	LIST_LINK(struct lock_waiter) here; /* inode_locks.waiting */
	LIST_LINK(struct lock_waiter) link; /* waiters */
};
OBJECT_DECLARE(lock_waiter);
LIST_OF(waiter_list, struct lock_waiter, link);
LIST_OF(waiting_list, struct lock_waiter, here);

/** A lease of an open file, which tells its holder when others open the file. */
struct lease {
	struct file *file;                  /* not counted: its release takes the lease off */
	i32 fd; u32 pid;                    /* for si_fd; for /proc/locks */
	enum file_lease type;
	u32 breaking;                       /* enum lease_breaking */
	u64 unlock_at, downgrade_at;        /* clock_now() when that is done to it, if it is breaking */
	LIST_LINK(struct lease) link;
};
OBJECT_DECLARE(lease);
LIST_OF(lease_list, struct lease, link);

struct inode_locks {
	struct mutex lock;
	struct lock_list list;              /* under lock, in the order of their starts */
	struct waiting_list waiting;        /* under lock */
	struct lease_list leases;           /* under lock */
	struct wait_queue wait; struct atomic32 changes;
	u32 dev_major, dev_minor; u64 ino;  /* [const] the inode's */
	u64 serial;                         /* [const] greater than of all before it on the list */
	LIST_LINK(struct inode_locks) all;
};
OBJECT_DECLARE(inode_locks);
LIST_OF(inode_locks_list, struct inode_locks, all);

/** The inode's, made if it has none. => null: ENOMEM */
struct inode_locks *inode_locks_of(struct inode *inode);
/** Those of the open file, if any ever was there. => null: no */
struct inode_locks *file_locks_of(struct file *file);
/** Whoever waits looks again. */
void locks_changed(struct inode_locks *locks) MUST_HOLD(&locks->lock);

/* --- lease.c: under the lock --- */
void leases_drop(struct inode_locks *locks, const struct file *file) MUST_HOLD(&locks->lock);  /* at the file's end */
void lease_info(const struct lease *lease, struct file_lock_info *scoped info);
