// SPDX-License-Identifier: MPL-2.0
/**
 * Mounts: which file system is seen at which place.
 *
 * The tree changes under mount_mutex; walks find what is mounted at a place through a hash, in RCU. A mount that is taken off the tree
 * loses the tree's use; its last user ends it.
 *
 * Lock order: mount_mutex → directory's inode lock.
 */
#include "fs_impl.h"
#include "hidden.h"

enum : u32 { MOUNT_BUCKETS = 256 };
struct mount_bucket { struct mount *head; };        /* RCU; under mount_mutex */

OBJECT_DEFINE(mount);
struct mutex mount_mutex;
static struct mount_bucket mount_buckets[MOUNT_BUCKETS];
struct mount_list mount_all;                        /* under mount_mutex */
static struct mount *root_mount;                    /* RCU; under mount_mutex */
static u32 next_id;                                 /* under mount_mutex */

struct mount *
mount_root(void)
{
	return POINTER_LOAD(root_mount);
}

static struct mount_bucket *
mount_bucket(const struct dentry *dentry)
{
	return ELEM(mount_buckets, dentry->inode->ino % MOUNT_BUCKETS);
}

struct mount *
mount_find(struct mount *mount, struct dentry *dentry)
{
	struct mount *at = POINTER_LOAD(mount_bucket(dentry)->head);
	while (at != nullptr && !(at->parent == mount && at->mountpoint == dentry))
		at = POINTER_LOAD(at->next);
	return at;
}

void
mount_ref(struct mount *mount)
{
	(void)atomic32_add_relaxed(&mount->users, 1);
}

bool
mount_ref_live(struct mount *mount)
{
	if ((atomic32_add(&mount->users, 1) & MOUNT_DEAD) == 0)
		return true;
	(void)atomic32_sub(&mount->users, 1);
	return false;
}

void
superblock_abandon(struct superblock *sb)
{
	fs_notify_unmount(sb);
	dcache_purge(sb);
	if (sb->ops->shutdown != nullptr)
		sb->ops->shutdown(sb);
	dentry_unref(sb->root);
	superblock_put(sb);
}

static void
superblock_leave(struct superblock *sb)
{
	if (atomic32_sub(&sb->mounts, 1) == 1)
		superblock_abandon(sb);
	else
		superblock_put(sb);
}

/** Nobody uses it any more, and it is on no tree. */
static void
mount_end(struct mount *mount)
{
	dentry_unref(mount->root);
	superblock_leave(mount->sb);
	mount_put_rcu(mount);
}

void
mount_unref(struct mount *mount)
{
	u32 zero = 0;
	if (atomic32_sub(&mount->users, 1) == 1 && atomic32_cas(&mount->users, &zero, MOUNT_DEAD))
		mount_end(mount);
}

/** Takes over the reference to `sb` on success. One user: the caller. */
err_t
mount_create(struct superblock *sb, struct dentry *root, u32 flags, struct mount **scoped out) MUST_HOLD(&mount_mutex)
{
	struct mount *mount = mount_alloc();
	if (mount == nullptr)
		return ENOMEM;
	mount->sb = sb;
	mount->root = root;
	mount->parent = mount;
	mount->id = ++next_id;
	dentry_ref(root);
	(void)atomic32_add(&sb->mounts, 1);
	atomic32_store(&mount->users, 1);
	atomic32_store(&mount->flags, flags & MS_MOUNT_FLAGS);
	*out = mount;
	return OK;
}

/** Puts a mount (and what is mounted in it) onto the tree; the caller's use becomes the tree's. */
void
mount_attach(struct mount *mount, const struct path *scoped at) MUST_HOLD(&mount_mutex)
{
	mount_ref(at->mount);
	dentry_ref(at->dentry);
	mount->mountpoint = at->dentry;
	POINTER_PUBLISH(mount->parent, at->mount);
	struct mount_bucket *bucket = mount_bucket(at->dentry);
	mount->next = bucket->head;
	POINTER_PUBLISH(bucket->head, mount);
	(void)atomic32_or(&at->dentry->flags, DENTRY_MOUNTED);
	mount_list_push_back(&mount_all, mount);
}

/** Whether anything is mounted on this dentry, through whatever mount. */
bool
dentry_is_busy_mountpoint(struct dentry *dentry)
{
	return dentry->inode != nullptr && (atomic32_load(&dentry->flags) & DENTRY_MOUNTED) != 0;
}

static void
mount_unchain(struct mount *mount) MUST_HOLD(&mount_mutex)
{
	struct mount_bucket *bucket = mount_bucket(mount->mountpoint);
	bool others = false;
	struct mount *before = nullptr;
	for (struct mount *at = bucket->head; at != nullptr; at = at->next) {
		if (at->next == mount)
			before = at;
		others |= at != mount && at->mountpoint == mount->mountpoint;
	}
	if (before != nullptr)
		POINTER_PUBLISH(before->next, mount->next);
	else
		POINTER_PUBLISH(bucket->head, mount->next);
	if (!others)
		(void)atomic32_and(&mount->mountpoint->flags, ~(u32)DENTRY_MOUNTED);
}

/** Takes it off the tree; the tree's use is the caller's. */
void
mount_detach(struct mount *mount) MUST_HOLD(&mount_mutex)
{
	mount_unchain(mount);
	mount_list_remove(&mount_all, mount);
	struct mount *parent = mount->parent;
	struct dentry *mountpoint = mount->mountpoint;
	POINTER_PUBLISH(mount->parent, mount);
	mount->mountpoint = nullptr;
	dentry_unref(mountpoint);
	mount_unref(parent);
}

/** The tree gets another root (pivot_root, boot). => the old one, whose use is the caller's */
struct mount *
mount_set_root(struct mount *mount) MUST_HOLD(&mount_mutex)
{
	struct mount *old = root_mount;
	if (!mount_list_linked(&mount_all, mount))
		mount_list_push_front(&mount_all, mount);
	POINTER_PUBLISH(root_mount, mount);
	return old;
}

err_t
mount_want_write(struct mount *mount)
{
	return mount != nullptr && (mount_flags(mount) & MS_RDONLY) != 0 ? EROFS : OK;
}

err_t
mount_hidden(struct superblock *sb, struct path *scoped out)
{
	MUTEX_SCOPE(&mount_mutex);
	TRY(mount_create(sb, sb->root, 0, &out->mount));
	out->dentry = sb->root;
	return OK;
}

err_t
mount_init(void)
{
	const struct fs_type *type = fs_type_find(TEXT("tmpfs"));
	assert(type != nullptr);
	struct superblock *sb = nullptr;
	TRY(type->mount(type, TEXT("none"), TEXT("mode=755"), 0, &sb));
	MUTEX_SCOPE(&mount_mutex);
	struct mount *mount = nullptr;
	TRY(mount_create(sb, sb->root, MS_RELATIME, &mount));
	(void)mount_set_root(mount);
	return OK;
}
