// SPDX-License-Identifier: MPL-2.0
/**
 * What inotify and F_NOTIFY have in common: the watches that hang on an inode, and their lock.
 *
 * Lock order: notify_lock → poll_queue.lock, the work queues' locks.
 */
#pragma once

#include <work.h>

#include "fs_impl.h"

struct inotify;
/** One inode that an instance watches. */
struct watch {
	struct inotify *instance;           /* [const] not counted: takes its watches down before it goes */
	struct inode *inode;                /* [const] counted */
	u32 mask; i32 wd;
	LIST_LINK(struct watch) of_instance, of_inode;
};
OBJECT_DECLARE(watch);
LIST_OF(instance_watches, struct watch, of_instance);
LIST_OF(inode_watches, struct watch, of_inode);

/** One directory that signals the owner of a file opened on it; see dnotify.c. */
struct notice {
	struct file *file;                  /* [const] not counted: takes its notices down before it goes */
	struct fd_table *table;             /* [const] not counted: only compared */
	struct work *work;                  /* [const] sends the signals */
	struct atomic32 due;                /* signals that it has not sent yet */
	u32 mask;                           /* enum inotify_mask, NOTICE_RENAME; 0: it has told once, and was to tell no more */
	i32 fd;
	LIST_LINK(struct notice) link;
};
OBJECT_DECLARE(notice);
LIST_OF(notice_list, struct notice, link);
enum : u32 {
	NOTICE_RENAME = IN_MASK_CREATE,     /* in a notice's mask: a name was changed within the directory */
	NOTICE_MANY = IN_MASK_ADD,          /* in a notice's mask: tells more than once */
};

/** inode->watches: made with the first watch, and there until the inode goes. All under notify_lock. */
struct watch_set { struct inode_watches list; struct notice_list notices; };
OBJECT_DECLARE(watch_set);

extern struct spin_lock notify_lock;
/** The inode's set, made if need be. The inode's lock is held. => ENOMEM */
err_t watch_set_make(struct inode *inode);
/** dnotify.c: signals those who are to know of `mask` in the directory. */
void notices_tell(struct watch_set *set, u32 mask) MUST_HOLD(&notify_lock);
