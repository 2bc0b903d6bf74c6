// SPDX-License-Identifier: MPL-2.0
/**
 * inotify: telling programs what happens to files and directories.
 *
 * An instance is a file; it has watches, each on an inode, and a queue of events. Where nobody watches anything, an event costs its cause one load
 * (fs_watchers); where this inode or directory is not watched, a few more. All lists are under one lock: who watches files is rare, and brief.
 *
 * Source: inotify(7).
 */
#include <syscall_handlers.h>

#include "notify_impl.h"

enum : u32 {
	IN_ALL_EVENTS = 0xfff, EVENT_HEAD = 16,
	IN_ADD_VALID = IN_ALL_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ONESHOT,
};
struct atomic32 inotify_watches_max, inotify_instances_max, inotify_events_max;

/** One event in a queue. */
struct event { i32 wd; u32 mask, cookie; struct byte_array *name; LIST_LINK(struct event) link; };
OBJECT_DECLARE(event);
LIST_OF(event_list, struct event, link);

OBJECT_DEFINE(watch);
OBJECT_DEFINE(watch_set);

struct inotify {
	struct poll_queue queue;
	struct event_list events;           /* all under notify_lock */
	u32 count;
	struct event *overflow;             /* kept for IN_Q_OVERFLOW, so that it needs no memory then */
	struct instance_watches watches;
	i32 last_wd;
	struct user_account *user;          /* [const] counted */
	LIST_LINK(struct inotify) link;
};
OBJECT_DECLARE(inotify);
LIST_OF(instance_list, struct inotify, link);

struct atomic32 fs_watchers;
static struct atomic32 cookies;
struct spin_lock notify_lock;
static struct instance_list instances GUARDED_BY(&notify_lock);

static void
event_release(struct event *event)
{
	if (event->name != nullptr)
		byte_array_put(event->name);
}
OBJECT_DEFINE_RELEASE(event);

void
inode_watches_end(struct inode *inode)
{
	watch_set_put(watch_set_from(inode->watches));
}

/* --- events --- */

static bool
event_is(const struct event *event, i32 wd, u32 mask, u32 cookie, struct cbytes name)
{
	if (event == nullptr || event->wd != wd || event->mask != mask || event->cookie != cookie)
		return false;
	if (event->name == nullptr)
		return cbytes_len(name) == 0;
	return cbytes_equal(bytes_const(byte_array_bytes(event->name)), name);
}

/** => null: no memory, the event counts as lost */
static struct event *
event_make(i32 wd, u32 mask, u32 cookie, struct cbytes name)
{
	struct event *event = event_alloc();
	if (event == nullptr)
		return nullptr;
	event->wd = wd;
	event->mask = mask;
	event->cookie = cookie;
	if (cbytes_len(name) == 0)
		return event;
	event->name = byte_array_alloc((u32)cbytes_len(name));
	if (event->name == nullptr) {
		event_put(event);
		return nullptr;
	}
	bytes_copy(byte_array_bytes(event->name), name);
	return event;
}

static void
queue_overflow(struct inotify *instance) MUST_HOLD(&notify_lock)
{
	struct event *event = instance->overflow;
	instance->overflow = nullptr;
	if (event == nullptr)
		return;
	event_list_push_back(&instance->events, event);
	instance->count++;
}

static void
queue_event(struct inotify *instance, i32 wd, u32 mask, u32 cookie, struct cbytes name) MUST_HOLD(&notify_lock)
{
	/* The same as the last is not told twice. */
	if (event_is(event_list_last(&instance->events), wd, mask, cookie, name))
		return;
	struct event *event = instance->count < atomic32_load_relaxed(&inotify_events_max) ? event_make(wd, mask, cookie, name) : nullptr;
	if (event != nullptr) {
		event_list_push_back(&instance->events, event);
		instance->count++;
	} else {
		queue_overflow(instance);
	}
	poll_wake(&instance->queue, POLL_IN | POLL_RDNORM);
}

/** Ends a watch; the program is told by IN_IGNORED. */
static void
watch_end(struct watch *watch) MUST_HOLD(&notify_lock)
{
	struct inotify *instance = watch->instance;
	struct inode *inode = watch->inode;
	queue_event(instance, watch->wd, IN_IGNORED, 0, TEXT(""));
	instance_watches_remove(&instance->watches, watch);
	inode_watches_remove(&watch_set_from(inode->watches)->list, watch);
	(void)atomic64_sub(&instance->user->inotify_watches, 1);
	(void)atomic32_sub(&fs_watchers, 1);
	watch_put(watch);
	inode_put_rcu(inode);
}

/* --- what happens --- */

/** Tells who watches `inode`. `name`: of an entry in it; `unlinked`: that has gone already. */
static void
deliver(struct inode *inode, u32 mask, u32 cookie, struct cbytes name, bool unlinked)
{
	struct object *set = POINTER_LOAD(inode->watches);
	if (set == nullptr)
		return;
	SPIN_SCOPE(&notify_lock);
	notices_tell(watch_set_from(set), mask & (IN_ALL_EVENTS | NOTICE_RENAME));
	LIST_FOR_REMOVING(inode_watches, watch, &watch_set_from(set)->list) {
		if ((watch->mask & mask & IN_ALL_EVENTS) == 0 || (unlinked && (watch->mask & IN_EXCL_UNLINK) != 0))
			continue;
		queue_event(watch->instance, watch->wd, mask, cookie, name);
		if ((watch->mask & IN_ONESHOT) != 0)
			watch_end(watch);
	}
}

static void
deliver_to_parent(struct dentry *dentry, u32 mask, u32 cookie)
{
	RCU_SCOPE();
	struct dentry *parent = POINTER_LOAD(dentry->parent);
	if (parent == dentry || parent->inode == nullptr)
		return;
	bool removal = (mask & (IN_DELETE | IN_MOVED_FROM)) != 0;
	deliver(parent->inode, mask, cookie, dentry_text(dentry), !removal && !dentry_is_hashed(dentry));
}

static u32
directory_bit(const struct dentry *dentry)
{
	return dentry->inode != nullptr && inode_is(dentry->inode, S_IFDIR) ? IN_ISDIR : 0;
}

void
fs_notify_slow(struct dentry *dentry, u32 mask)
{
	struct inode *inode = dentry->inode;
	u32 told = mask | directory_bit(dentry);
	bool entry_only = (mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) != 0;
	bool self_only = (mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
	if (inode == nullptr)
		return;
	if (!entry_only)
		deliver(inode, self_only ? mask : told, 0, TEXT(""), false);
	if (!self_only)
		deliver_to_parent(dentry, told, 0);
}

void
fs_notify_self(struct inode *inode, u32 mask)
{
	if (atomic32_load_relaxed(&fs_watchers) != 0)
		deliver(inode, mask, 0, TEXT(""), false);
}

void
fs_notify_move(struct dentry *old, struct dentry *new, u32 flags)
{
	if (atomic32_load_relaxed(&fs_watchers) == 0)
		return;
	u32 cookie = atomic32_add(&cookies, 1) + 1;
	if (POINTER_LOAD(old->parent) == POINTER_LOAD(new->parent))
		deliver_to_parent(old, NOTICE_RENAME, 0);
	deliver_to_parent(old, IN_MOVED_FROM | directory_bit(old), cookie);
	deliver_to_parent(new, IN_MOVED_TO | directory_bit(old), cookie);
	if ((flags & RENAME_EXCHANGE) == 0)
		return;
	cookie = atomic32_add(&cookies, 1) + 1;
	deliver_to_parent(new, IN_MOVED_FROM | directory_bit(new), cookie);
	deliver_to_parent(old, IN_MOVED_TO | directory_bit(new), cookie);
}

void
fs_notify_moved(struct dentry *old, struct dentry *new, u32 flags)
{
	fs_notify(old, IN_MOVE_SELF);
	if (new->inode == nullptr)
		return;
	if ((flags & RENAME_EXCHANGE) != 0)
		fs_notify(new, IN_MOVE_SELF);
	else if (!inode_is(new->inode, S_IFDIR))
		fs_notify_self(new->inode, IN_ATTRIB);
}

/** Tells and ends all watches of an inode. */
static void
watches_end(struct inode *inode, u32 mask)
{
	struct object *set = POINTER_LOAD(inode->watches);
	if (set == nullptr)
		return;
	SPIN_SCOPE(&notify_lock);
	LIST_FOR_REMOVING(inode_watches, watch, &watch_set_from(set)->list) {
		if ((watch->mask & mask) != 0 || mask == IN_UNMOUNT)
			queue_event(watch->instance, watch->wd, mask, 0, TEXT(""));
		watch_end(watch);
	}
}

void
fs_notify_gone(struct inode *inode)
{
	watches_end(inode, IN_DELETE_SELF);
}

/** An inode of `sb` that is watched, with a reference. => null: none */
static struct inode *
watched_inode_of(struct superblock *sb)
{
	SPIN_SCOPE(&notify_lock);
	LIST_FOR(instance_list, instance, &instances) {
		LIST_FOR(instance_watches, watch, &instance->watches) {
			if (watch->inode->sb == sb) {
				inode_get(watch->inode);
				return watch->inode;
			}
		}
	}
	return nullptr;
}

void
fs_notify_unmount(struct superblock *sb)
{
	for (struct inode *inode = watched_inode_of(sb); inode != nullptr; inode = watched_inode_of(sb)) {
		watches_end(inode, IN_UNMOUNT);
		inode_put(inode);
	}
}

/* --- the file --- */

static struct inotify *
inotify_of(const struct file *file)
{
	return inotify_from(file->private);
}

static inline u64
event_size(const struct event *event)
{
	return EVENT_HEAD + (event->name != nullptr ? align_up(byte_array_len(event->name) + 1, EVENT_HEAD) : 0);
}

static bool
events_any(struct inotify *instance)
{
	SPIN_SCOPE(&notify_lock);
	return instance->count != 0;
}

/** The oldest event, if it fits in `room`. => EAGAIN: none; EINVAL: too large */
static err_t
event_take(struct inotify *instance, u64 room, struct event **scoped out)
{
	SPIN_SCOPE(&notify_lock);
	struct event *event = event_list_first(&instance->events);
	if (event == nullptr)
		return EAGAIN;
	if (event_size(event) > room)
		return EINVAL;
	event_list_remove(&instance->events, event);
	instance->count--;
	*out = event;
	if ((event->mask & IN_Q_OVERFLOW) != 0) {
		event_get(event);
		instance->overflow = event;
	}
	return OK;
}

/** struct inotify_event: i32 wd, u32 mask, cookie, len, the name with zeroes behind. */
static err_t
event_out(const struct event *event, struct uio *scoped uio)
{
	u64 name_len = event_size(event) - EVENT_HEAD;
	u32 head[4] = { (u32)event->wd, event->mask, event->cookie, (u32)name_len };
	TRY(uio_put(uio, CBYTES_OF(head)));
	if (event->name == nullptr)
		return OK;
	TRY(uio_put(uio, bytes_const(byte_array_bytes(event->name))));
	return uio_put_zeroes(uio, name_len - byte_array_len(event->name));
}

static err_t
inotify_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct inotify *instance = inotify_of(file);
	u64 before = uio->left;
	for (;;) {
		REF_SCOPE(event, event);
		err_t err = event_take(instance, uio->left, &event);
		if (err == OK)
			TRY(event_out(event, uio));
		else if (err == EINVAL || uio->left != before)
			return uio->left != before ? OK : EINVAL;
		else if ((flags & O_NONBLOCK) != 0)
			return EAGAIN;
		else
			TRY(WAIT_UNTIL(&instance->queue.wait, events_any(instance), WAIT_INTERRUPTIBLE, TIME_NEVER));
	}
}

static u32
inotify_poll(struct file *file, struct poll_table *scoped table)
{
	struct inotify *instance = inotify_of(file);
	poll_add(table, &instance->queue);
	return events_any(instance) ? POLL_IN | POLL_RDNORM : 0;
}

static err_t
inotify_readable(struct file *file, u64 *scoped bytes)
{
	SPIN_SCOPE(&notify_lock);
	*bytes = 0;
	LIST_FOR(event_list, event, &inotify_of(file)->events)
		*bytes += event_size(event);
	return OK;
}

static void
inotify_file_release(struct file *file)
{
	struct inotify *instance = inotify_of(file);
	{
		SPIN_SCOPE(&notify_lock);
		for (struct watch *watch = instance_watches_first(&instance->watches); watch != nullptr; watch = instance_watches_first(&instance->watches))
			watch_end(watch);
		instance_list_remove(&instances, instance);
	}
	inotify_put_rcu(instance);
}

static void
inotify_release(struct inotify *instance)
{
	for (struct event *event = event_list_pop_front(&instance->events); event != nullptr; event = event_list_pop_front(&instance->events))
		event_put(event);
	if (instance->overflow != nullptr)
		event_put(instance->overflow);
	if (instance->user != nullptr) {
		(void)atomic64_sub(&instance->user->inotify_instances, 1);
		user_account_put(instance->user);
	}
}
OBJECT_DEFINE_RELEASE(inotify);

static size_t
inotify_describe(struct file *file, struct bytes text)
{
	SPIN_SCOPE(&notify_lock);
	size_t len = 0;
	LIST_FOR(instance_watches, watch, &inotify_of(file)->watches)
		len += format_text(bytes_from(text, MIN(len, bytes_len(text))), "inotify wd:{} ino:{} sdev:{} mask:{}\n", watch->wd, watch->inode->ino,
		                   watch->inode->sb->dev_minor, watch->mask);
	return len;
}

static const struct file_ops inotify_ops = {
	.read = inotify_read, .poll = inotify_poll, .readable = inotify_readable, .release = inotify_file_release, .describe = inotify_describe,
	.seek = file_seek_nowhere, .stream = true,
};

/* --- calls --- */

/** => EMFILE, ENOMEM */
static err_t
instance_create(struct inotify **scoped out)
{
	struct inotify *instance = inotify_alloc();
	if (instance == nullptr)
		return ENOMEM;
	instance->user = user_account_current_get();
	if (user_count_add(&instance->user->inotify_instances, 1) > atomic32_load_relaxed(&inotify_instances_max)) {
		inotify_put(instance);
		return EMFILE;
	}
	instance->overflow = event_make(-1, IN_Q_OVERFLOW, 0, TEXT(""));
	if (instance->overflow == nullptr) {
		inotify_put(instance);
		return ENOMEM;
	}
	*out = instance;
	return OK;
}

static err_t
inotify_open(struct inotify *instance, u32 flags, u64 *scoped result)
{
	struct file *file = nullptr;
	i32 fd = -1;
	TRY(file_create(&inotify_ops, inotify_object(instance), O_RDONLY | (flags & O_NONBLOCK), FILE_READ, KIND_INOTIFY, &file));
	{
		inotify_get(instance);
		SPIN_SCOPE(&notify_lock);
		instance_list_push_back(&instances, instance);
	}
	err_t err = fd_install(file, 0, (flags & O_CLOEXEC) != 0, &fd);
	file_put(file);
	*result = (u64)fd;
	return err;
}

err_t
sys_inotify_init1(u32 flags, u64 *scoped result)
{
	REF_SCOPE(inotify, instance);
	if ((flags & ~(u32)(O_NONBLOCK | O_CLOEXEC)) != 0)
		return EINVAL;
	TRY(instance_create(&instance));
	return inotify_open(instance, flags, result);
}

err_t
sys_inotify_init(u64 *scoped result)
{
	return sys_inotify_init1(0, result);
}

static struct watch *
watch_find(struct inotify *instance, const struct inode *inode) MUST_HOLD(&notify_lock)
{
	LIST_FOR(inode_watches, watch, &watch_set_from(inode->watches)->list) {
		if (watch->instance == instance)
			return watch;
	}
	return nullptr;
}

err_t
watch_set_make(struct inode *inode)
{
	if (inode->watches != nullptr)
		return OK;
	struct watch_set *set = watch_set_alloc();
	if (set == nullptr)
		return ENOMEM;
	POINTER_PUBLISH(inode->watches, watch_set_object(set));
	return OK;
}

/** Changes the watch that is there. => ENOENT: there is none */
static err_t
watch_change(struct inotify *instance, struct inode *inode, u32 mask, u64 *scoped result)
{
	SPIN_SCOPE(&notify_lock);
	struct watch *watch = watch_find(instance, inode);
	if (watch == nullptr)
		return ENOENT;
	if ((mask & IN_MASK_CREATE) != 0)
		return EEXIST;
	u32 kept = mask & (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT);
	watch->mask = (mask & IN_MASK_ADD) != 0 ? watch->mask | kept : kept;
	*result = (u64)watch->wd;
	return OK;
}

static err_t
watch_create(struct inotify *instance, struct inode *inode, u32 mask, u64 *scoped result)
{
	if (user_count_add(&instance->user->inotify_watches, 1) > atomic32_load_relaxed(&inotify_watches_max)) {
		(void)atomic64_sub(&instance->user->inotify_watches, 1);
		return ENOSPC;
	}
	struct watch *watch = watch_alloc();
	if (watch == nullptr) {
		(void)atomic64_sub(&instance->user->inotify_watches, 1);
		return ENOMEM;
	}
	inode_get(inode);
	watch->instance = instance;
	watch->inode = inode;
	watch->mask = mask & (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT);
	SPIN_SCOPE(&notify_lock);
	watch->wd = ++instance->last_wd;
	instance_watches_push_back(&instance->watches, watch);
	inode_watches_push_back(&watch_set_from(inode->watches)->list, watch);
	(void)atomic32_add(&fs_watchers, 1);
	*result = (u64)watch->wd;
	return OK;
}

static err_t
watch_add(struct inotify *instance, struct inode *inode, u32 mask, u64 *scoped result)
{
	TRY(inode_permission(inode, MAY_READ));
	RW_WRITE_SCOPE(&inode->lock);
	TRY(watch_set_make(inode));
	err_t err = watch_change(instance, inode, mask, result);
	return err == ENOENT ? watch_create(instance, inode, mask, result) : err;
}

static err_t
add_watch(struct file *file, uaddr_t path, u32 mask, u64 *scoped result)
{
	if (!file_is(file, &inotify_ops))
		return EINVAL;
	struct path place = {};
	TRY(path_lookup_user(AT_FDCWD, path, ((mask & IN_DONT_FOLLOW) != 0 ? 0 : WALK_FOLLOW) | ((mask & IN_ONLYDIR) != 0 ? WALK_DIRECTORY : 0), &place));
	err_t err = watch_add(inotify_of(file), place.dentry->inode, mask, result);
	path_put(&place);
	return err;
}

err_t
sys_inotify_add_watch(i32 fd, uaddr_t path, u32 mask, u64 *scoped result)
{
	if ((mask & IN_ADD_VALID) == 0 || (mask & (IN_MASK_ADD | IN_MASK_CREATE)) == (IN_MASK_ADD | IN_MASK_CREATE))
		return EINVAL;
	REF_SCOPE(file, file);
	TRY(fd_get(fd, &file));
	return add_watch(file, path, mask, result);
}

err_t
sys_inotify_rm_watch(i32 fd, i32 wd)
{
	REF_SCOPE(file, file);
	TRY(fd_get(fd, &file));
	if (!file_is(file, &inotify_ops))
		return EINVAL;
	SPIN_SCOPE(&notify_lock);
	LIST_FOR(instance_watches, watch, &inotify_of(file)->watches) {
		if (watch->wd == wd) {
			watch_end(watch);
			return OK;
		}
	}
	return EINVAL;
}

void
inotify_init(void)
{
	atomic32_store(&inotify_watches_max, 65536);
	atomic32_store(&inotify_instances_max, 128);
	atomic32_store(&inotify_events_max, 16384);
}
