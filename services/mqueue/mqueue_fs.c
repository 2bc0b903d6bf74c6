// SPDX-License-Identifier: MPL-2.0
/**
 * The file system "mqueue": the names of POSIX message queues, mq_open(2), and what else is asked of a queue's descriptor.
 *
 * There is one instance, that the kernel keeps mounted for itself; mounting it anywhere shows the same queues.
 */
#include <cadre/log.h>

#include <hidden.h>
#include <syscall_handlers.h>

#include "mqueue_impl.h"

enum : u32 { MQUEUE_MAGIC = 0x19800202, COOKIE_LEN = 32, STATUS_LEN = 80 };

/** struct mq_sigevent of x86-64. Plain data. */
struct mq_sigevent { u64 value; i32 number, notify, pad[12]; };

static struct mutex names_lock;         /* looking a name up and making it is one step */
static struct path root;                /* [const] of the kernel's own mount */
static struct atomic32 queue_count;
static const struct inode_ops dir_ops, queue_ops;

/* --- a queue as a file --- */

err_t
mqueue_of(struct file *file, struct mqueue **scoped out)
{
	if (!file_is(file, &mqueue_file_ops))
		return EBADF;
	*out = mqueue_from(file->inode->private);
	return OK;
}

static u32
mqueue_poll(struct file *file, struct poll_table *scoped table)
{
	struct mqueue *queue = mqueue_from(file->inode->private);
	poll_add(table, &queue->poll);
	SPIN_SCOPE(&queue->lock);
	return (queue->count != 0 ? POLL_IN | POLL_RDNORM : 0) | (queue->count < queue->maxmsg ? POLL_OUT | POLL_WRNORM : 0);
}

/** A process that closes any descriptor of the queue is not told any more. */
static void
mqueue_flush(struct file *file)
{
	struct mqueue *queue = mqueue_from(file->inode->private);
	struct process *owner = nullptr;
	{
		SPIN_SCOPE(&queue->lock);
		if (queue->notice.owner == process_current())
			owner = mqueue_notice_end(queue);
	}
	if (owner != nullptr)
		process_put(owner);
}

/** "NAME:value" and blanks up to `width`. => the end */
static size_t
status_field(struct bytes line, size_t at, struct cbytes name, u64 value, u32 width)
{
	size_t start = at + format_text(bytes_from(line, at), "{}", name);
	size_t end = start + format_text(bytes_from(line, start), "{}", value);
	while (end < start + width)
		bytes_set(line, end++, ' ');
	return end;
}

static err_t
mqueue_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct mqueue *queue = mqueue_from(file->inode->private);
	u8 line[2 * STATUS_LEN] = {};
	struct mq_notice notice = {};
	u64 bytes = 0;
	u32 pid = 0;
	(void)flags;
	{
		SPIN_SCOPE(&queue->lock);
		notice = queue->notice;
		bytes = queue->bytes;
		pid = notice.owner != nullptr ? notice.owner->pid : 0;
	}
	size_t at = status_field(BYTES_OF(line), 0, TEXT("QSIZE:"), bytes, 10);
	at = status_field(BYTES_OF(line), at, TEXT(" NOTIFY:"), pid != 0 ? (u64)notice.kind : 0, 5);
	at = status_field(BYTES_OF(line), at, TEXT(" SIGNO:"), notice.kind == SIGEV_SIGNAL ? notice.signal : 0, 5);
	at = status_field(BYTES_OF(line), at, TEXT(" NOTIFY_PID:"), pid, 6);
	bytes_set(BYTES_OF(line), at++, '\n');
	if (off >= at)
		return OK;
	return uio_put(uio, cbytes_sub(CBYTES_OF(line), off, MIN(at - off, uio->left)));
}

const struct file_ops mqueue_file_ops = { .read = mqueue_read, .poll = mqueue_poll, .flush = mqueue_flush };

/* --- names --- */

static void
queue_evict(struct inode *inode)
{
	(void)atomic32_sub(&queue_count, 1);
	mqueue_put(mqueue_from(inode->private));
}

/** => ENOSPC (queues_max), and as mqueue_create */
static err_t
inode_make(struct inode *dir, u32 mode, const struct mq_attr *scoped attr, struct inode **scoped out)
{
	REF_SCOPE(mqueue, queue);
	struct mqueue *made = nullptr;
	if (atomic32_load(&queue_count) >= atomic32_load(&mqueue_limits.queues_max) && !capable(CAP_SYS_RESOURCE))
		return ENOSPC;
	TRY(mqueue_create(attr, &made));
	queue = made;
	struct inode *inode = inode_create(dir->sb, &queue_ops, &mqueue_file_ops, S_IFREG | (mode & 07777));
	if (inode == nullptr)
		return ENOMEM;
	inode_init_owner(inode, dir);
	atomic64_store(&inode->size, STATUS_LEN);
	inode->private = mqueue_object(queue);
	queue = nullptr;
	(void)atomic32_add(&queue_count, 1);
	*out = inode;
	return OK;
}

static err_t
dir_create(struct inode *dir, struct dentry *dentry, u32 mode)
{
	struct inode *inode = nullptr;
	TRY(inode_make(dir, mode, nullptr, &inode));
	dentry_fill(dentry, inode);
	inode_touch(dir, true);
	return OK;
}

static const struct inode_ops dir_ops = { .create = dir_create, .unlink = pinned_unlink };
static const struct inode_ops queue_ops = { .evict = queue_evict };

/** => ENOENT: empty; EACCES: more than one component; ENAMETOOLONG, EFAULT */
static err_t
name_copy_in(struct bytes name, uaddr_t from, size_t *scoped len)
{
	TRY(copy_in_string(name, from, len));
	struct cbytes text = bytes_const(bytes_sub(name, 0, *len));
	if (*len == 0)
		return ENOENT;
	if (cbytes_equal(text, TEXT(".")) || cbytes_equal(text, TEXT("..")))
		return EACCES;
	for (size_t i = 0; i < *len; i++)
		if (cbytes_get(text, i) == '/')
			return EACCES;
	return OK;
}

/** Makes the queue and its name; a reference to the name in *out. */
static err_t
queue_make(struct cbytes name, u32 mode, const struct mq_attr *scoped attr, struct dentry **scoped out)
{
	struct inode *inode = nullptr;
	TRY(inode_permission(root.dentry->inode, MAY_WRITE | MAY_EXEC));
	TRY(inode_make(root.dentry->inode, mode & ~fs_umask(), attr, &inode));
	err_t err = dentry_make(root.dentry, name, inode, out);
	if (err != OK)
		inode_put(inode);
	return err;
}

static err_t
queue_open(struct cbytes name, u32 flags, u32 mode, const struct mq_attr *scoped attr, struct file **scoped out)
{
	u32 kept = flags & (O_ACCMODE | O_NONBLOCK);
	struct path path = { root.mount, nullptr };
	MUTEX_SCOPE(&names_lock);
	path.dentry = dentry_find(root.dentry, name);
	bool made = path.dentry == nullptr;
	if (made && (flags & O_CREAT) == 0)
		return ENOENT;
	if (made)
		TRY(queue_make(name, mode, attr, &path.dentry));
	err_t err = OK;
	if (!made && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		err = EEXIST;
	else if (!made && (flags & O_ACCMODE) == O_ACCMODE)
		err = EINVAL;
	else
		err = made ? path_open_made(&path, kept, out) : path_open(&path, kept, out);
	dentry_unref(path.dentry);
	return err;
}

err_t
sys_mq_open(uaddr_t name, u32 flags, u32 mode, uaddr_t attr, u64 *scoped result)
{
	u8 text[NAME_MAX + 1] = {};
	size_t len = 0;
	struct mq_attr given = {};
	REF_SCOPE(file, file);
	struct file *opened = nullptr;
	i32 fd = -1;
	if (attr.raw != 0)
		TRY(copy_in_value(given, attr));
	TRY(name_copy_in(BYTES_OF(text), name, &len));
	TRY(queue_open(cbytes_sub(CBYTES_OF(text), 0, len), flags, mode, attr.raw != 0 ? &given : nullptr, &opened));
	file = opened;
	TRY(fd_install(file, 0, true, &fd));
	*result = (u64)fd;
	return OK;
}

/** The directory is sticky: whose the queue is not may not remove it. */
static err_t
may_unlink(const struct inode *queue)
{
	u32 fsuid = cred_current()->fsuid;
	TRY(inode_permission(root.dentry->inode, MAY_WRITE | MAY_EXEC));
	return fsuid == queue->uid || fsuid == POINTER_LOAD(root.dentry->inode->uid) || capable(CAP_FOWNER) ? OK : EPERM;
}

err_t
sys_mq_unlink(uaddr_t name)
{
	u8 text[NAME_MAX + 1] = {};
	size_t len = 0;
	TRY(name_copy_in(BYTES_OF(text), name, &len));
	MUTEX_SCOPE(&names_lock);
	struct dentry *dentry = dentry_find(root.dentry, cbytes_sub(CBYTES_OF(text), 0, len));
	if (dentry == nullptr)
		return ENOENT;
	err_t err = may_unlink(dentry->inode);
	if (err == OK)
		dentry_drop(dentry);
	dentry_unref(dentry);
	return err;
}

/* --- notice and attributes --- */

/**
 * SIGEV_THREAD sends a cookie through a netlink socket, as glibc would have it; there are none, so no descriptor is one.
 * => EFAULT, EBADF, ENOTSOCK, EINVAL
 */
static err_t
thread_notice_check(const struct mq_sigevent *scoped event)
{
	u8 cookie[COOKIE_LEN] = {};
	REF_SCOPE(file, socket);
	TRY(copy_in_value(cookie, UADDR(event->value)));
	struct file *found = nullptr;
	TRY(fd_get(event->number, &found));
	socket = found;
	const struct inode *inode = file_inode(socket);
	return inode != nullptr && inode_is(inode, S_IFSOCK) ? EINVAL : ENOTSOCK;
}

static err_t
event_check(const struct mq_sigevent *scoped event)
{
	if (event->notify == SIGEV_THREAD)
		return thread_notice_check(event);
	if (event->notify != SIGEV_NONE && event->notify != SIGEV_SIGNAL)
		return EINVAL;
	return event->notify == SIGEV_SIGNAL && (event->number < 0 || event->number > (i32)SIGNAL_MAX) ? EINVAL : OK;
}

static err_t
notice_set(struct mqueue *queue, const struct mq_sigevent *scoped event)
{
	SPIN_SCOPE(&queue->lock);
	if (queue->notice.owner != nullptr)
		return EBUSY;
	struct process *owner = process_current();
	process_get(owner);
	queue->notice = (struct mq_notice){ owner, event->notify, event->notify == SIGEV_SIGNAL ? (u32)event->number : 0, event->value };
	return OK;
}

err_t
sys_mq_notify(i32 mqdes, uaddr_t event)
{
	REF_SCOPE(file, file);
	struct file *found = nullptr;
	struct mq_sigevent given = {};
	struct mqueue *queue = nullptr;
	if (event.raw != 0) {
		TRY(copy_in_value(given, event));
		TRY(event_check(&given));
	}
	TRY(fd_get(mqdes, &found));
	file = found;
	TRY(mqueue_of(file, &queue));
	if (event.raw != 0)
		return notice_set(queue, &given);
	mqueue_flush(file);
	return OK;
}

static struct mq_attr
attr_of(struct file *file, struct mqueue *queue)
{
	SPIN_SCOPE(&queue->lock);
	return (struct mq_attr){ .flags = atomic32_load(&file->flags) & O_NONBLOCK, .maxmsg = (i64)queue->maxmsg, .msgsize = (i64)queue->msgsize,
		.curmsgs = (i64)queue->count };
}

err_t
sys_mq_getsetattr(i32 mqdes, uaddr_t new, uaddr_t old)
{
	REF_SCOPE(file, file);
	struct file *found = nullptr;
	struct mqueue *queue = nullptr;
	struct mq_attr given = {};
	if (new.raw != 0)
		TRY(copy_in_value(given, new));
	if ((given.flags & ~(i64)O_NONBLOCK) != 0)
		return EINVAL;
	TRY(fd_get(mqdes, &found));
	file = found;
	TRY(mqueue_of(file, &queue));
	struct mq_attr before = attr_of(file, queue);
	if (new.raw != 0 && given.flags != 0)
		(void)atomic32_or(&file->flags, O_NONBLOCK);
	else if (new.raw != 0)
		(void)atomic32_and(&file->flags, ~(u32)O_NONBLOCK);
	return old.raw != 0 ? copy_out_value(old, before) : OK;
}

/* --- start --- */

static err_t
mqueue_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out)
{
	(void)type, (void)source, (void)options, (void)flags;
	*out = root.dentry->sb;
	superblock_get(*out);
	return OK;
}

static const struct fs_type mqueue_type = { .name = "mqueue", .flags = FS_NODEV, .mount = mqueue_mount };

err_t
mqueue_init(void)
{
	static const struct superblock_ops no_ops = {};
	struct superblock *sb = nullptr;
	atomic32_store(&mqueue_limits.queues_max, 256);
	atomic32_store(&mqueue_limits.msg_max, 10);
	atomic32_store(&mqueue_limits.msgsize_max, 8192);
	atomic32_store(&mqueue_limits.msg_default, 10);
	atomic32_store(&mqueue_limits.msgsize_default, 8192);
	TRY(superblock_create(&mqueue_type, &no_ops, MQUEUE_MAGIC, &sb));
	sb->flags |= SB_PINNED | SB_NOSUID | SB_NODEV | SB_NOEXEC;
	struct inode *inode = inode_create(sb, &dir_ops, &pinned_dir_ops, S_IFDIR | S_ISVTX | 0777);
	if (inode == nullptr)
		return ENOMEM;
	atomic32_store(&inode->nlink, 2);
	TRY(superblock_set_root(sb, inode));
	TRY(mount_hidden(sb, &root));
	fs_register(&mqueue_type);
	return OK;
}
