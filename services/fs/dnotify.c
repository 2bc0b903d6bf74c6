// SPDX-License-Identifier: MPL-2.0
/**
 * F_NOTIFY: a signal when something happens in a directory, for programs that are older than inotify.
 *
 * A notice belongs to an open file and to the table of descriptors by which it was asked for; closing any of the table's descriptors of that file
 * ends it. It hangs on the directory's inode beside the watches of inotify, and is told by the same events. The signal is sent by a work
 * item, once for each event, since an event may come with locks held.
 *
 * Source: fcntl(2), "File and directory change notification".
 */
#include "notify_impl.h"

enum : u32 { DN_ACCESS = 1, DN_MODIFY = 2, DN_CREATE = 4, DN_DELETE = 8, DN_RENAME = 16, DN_ATTRIB = 32, DN_MULTISHOT = 0x80000000 };
OBJECT_DEFINE(notice);

struct atomic32 notify_enabled;

void
notices_init(void)
{
	atomic32_store(&notify_enabled, 1);
}

/** The work item: sends what is due. */
static void
notice_send(struct object *arg)
{
	struct notice *notice = notice_from(arg);
	for (u32 left = atomic32_exchange(&notice->due, 0); left > 0; left--)
		file_owner_signal(notice->file, POLL_MSG_CODE, (i32)(POLL_IN | POLL_RDNORM | POLL_MSG), notice->fd);
}

void
notices_tell(struct watch_set *set, u32 mask)
{
	LIST_FOR(notice_list, notice, &set->notices) {
		if ((notice->mask & mask & ~(u32)NOTICE_MANY) == 0)
			continue;
		if ((notice->mask & NOTICE_MANY) == 0)
			notice->mask = 0;
		(void)atomic32_add(&notice->due, 1);
		(void)work_queue(notice->work);
	}
}

static u32
mask_of(u32 asked)
{
	static const struct { u32 bit, mask; } bits[] = {
		{ DN_ACCESS, IN_ACCESS }, { DN_MODIFY, IN_MODIFY }, { DN_CREATE, IN_CREATE | IN_MOVED_TO }, { DN_DELETE, IN_DELETE | IN_MOVED_FROM },
		{ DN_RENAME, NOTICE_RENAME }, { DN_ATTRIB, IN_ATTRIB }, { DN_MULTISHOT, NOTICE_MANY },
	};
	u32 mask = 0;
	for (u32 i = 0; i < COUNTOF(bits); i++)
		if ((asked & bits[i].bit) != 0)
			mask |= bits[i].mask;
	return mask;
}

/** Takes one off that is the file's, of `table`, or of any where that is null. => null: there is none */
static struct notice *
notice_take(struct file *file, struct watch_set *set, const struct fd_table *table)
{
	SPIN_SCOPE(&notify_lock);
	LIST_FOR(notice_list, notice, &set->notices) {
		if (notice->file == file && (table == nullptr || notice->table == table)) {
			notice_list_remove(&set->notices, notice);
			(void)atomic32_sub(&fs_watchers, 1);
			return notice;
		}
	}
	return nullptr;
}

void
file_notices_end(struct file *file, const struct fd_table *table)
{
	struct inode *inode = file->inode;
	struct object *set = inode != nullptr ? POINTER_LOAD(inode->watches) : nullptr;
	if (set == nullptr || (file->mode & FILE_ANONYMOUS) != 0)
		return;
	for (struct notice *notice = notice_take(file, watch_set_from(set), table); notice != nullptr; notice = notice_take(file, watch_set_from(set), table)) {
		(void)work_flush(notice->work);
		work_put(notice->work);
		notice_put(notice);
	}
}

/** Widens the notice that is there. => false: there is none */
static bool
notice_widen(struct watch_set *set, const struct file *file, const struct fd_table *table, i32 fd, u32 mask) MUST_HOLD(&notify_lock)
{
	LIST_FOR(notice_list, notice, &set->notices) {
		if (notice->file == file && notice->table == table) {
			notice->mask |= mask;
			notice->fd = fd;
			return true;
		}
	}
	return false;
}

/** A notice that is on no list yet. */
static err_t
notice_make(struct file *file, struct notice **scoped out)
{
	struct notice *notice = notice_alloc();
	if (notice == nullptr)
		return ENOMEM;
	err_t err = work_create(notice_send, notice_object(notice), &notice->work);
	if (err != OK) {
		notice_put(notice);
		return err;
	}
	notice->file = file;
	notice->table = files_current();
	*out = notice;
	return OK;
}

/** Puts a new notice on the directory, or widens the one that is there. */
static err_t
notice_add(struct file *file, i32 fd, u32 mask)
{
	struct inode *inode = file->inode;
	struct notice *notice = nullptr;
	TRY(notice_make(file, &notice));
	RW_WRITE_SCOPE(&inode->lock);
	err_t err = watch_set_make(inode);
	if (err == OK) {
		struct watch_set *set = watch_set_from(inode->watches);
		SPIN_SCOPE(&notify_lock);
		if (!notice_widen(set, file, notice->table, fd, mask)) {
			notice->mask = mask;
			notice->fd = fd;
			notice_list_push_back(&set->notices, notice);
			(void)atomic32_add(&fs_watchers, 1);
			return OK;
		}
	}
	work_put(notice->work);
	notice_put(notice);
	return err;
}

err_t
file_notify_set(struct file *file, i32 fd, u32 asked)
{
	u32 mask = mask_of(asked);
	if (atomic32_load_relaxed(&notify_enabled) == 0)
		return EINVAL;
	if ((asked & ~(u32)DN_MULTISHOT) == 0) {
		file_notices_end(file, files_current());
		return OK;
	}
	if (file->inode == nullptr || (file->mode & FILE_ANONYMOUS) != 0 || !inode_is(file->inode, S_IFDIR))
		return ENOTDIR;
	TRY(file_owner_default(file));
	return notice_add(file, fd, mask);
}
