// SPDX-License-Identifier: MPL-2.0
/**
 * mount(2), umount2(2), pivot_root(2), and the texts of /proc/mounts and /proc/PID/mountinfo.
 *
 * All mounts are private: what makes them so is accepted, other propagation is refused.
 *
 * Source: mount(2), umount(2), pivot_root(2), proc(5).
 */
#include <session.h>
#include <syscall_handlers.h>

#include "fs_impl.h"

enum : u32 { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };
enum : u32 {
	MS_PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE,
	MS_KNOWN = MS_MOUNT_FLAGS | MS_PROPAGATION | MS_REMOUNT | MS_BIND | MS_MOVE | MS_REC | MS_SILENT | MS_STRICTATIME | MS_SYNCHRONOUS |
		MS_DIRSYNC | MS_LAZYTIME | MS_POSIXACL | MS_I_VERSION | MS_MANDLOCK,
	OPTIONS_MAX = 4096,
};

/** The flags of a mount: access times are relative unless said otherwise. */
static u32
flags_of_mount(u32 flags)
{
	u32 out = flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME);
	return (flags & (MS_NOATIME | MS_STRICTATIME)) == 0 ? out | MS_RELATIME : out;
}

static bool
mount_below(struct mount *mount, struct mount *ancestor)
{
	while (mount != ancestor && mount->parent != mount)
		mount = mount->parent;
	return mount == ancestor;
}

static err_t
same_kind(const struct dentry *a, const struct dentry *b)
{
	return inode_is(a->inode, S_IFDIR) == inode_is(b->inode, S_IFDIR) ? OK : ENOTDIR;
}

/* --- new mounts --- */

static err_t
sb_attach(struct superblock *sb, const struct path *scoped at, u32 flags)
{
	struct mount *mount = nullptr;
	TRY(same_kind(sb->root, at->dentry));
	MUTEX_SCOPE(&mount_mutex);
	if (at->mount->sb == sb && at->dentry == at->mount->root)
		return EBUSY;
	TRY(mount_create(sb, sb->root, flags_of_mount(flags), &mount));
	mount_attach(mount, at);
	return OK;
}

static struct byte_array *
text_keep(struct cbytes text)
{
	struct byte_array *kept = byte_array_alloc((u32)cbytes_len(text));
	if (kept != nullptr)
		bytes_copy(byte_array_bytes(kept), text);
	return kept;
}

static err_t
mount_new(const struct path *scoped at, struct cbytes type_name, struct cbytes source, struct cbytes options, u32 flags)
{
	const struct fs_type *type = fs_type_find(type_name);
	if (type == nullptr)
		return ENODEV;
	struct superblock *sb = nullptr;
	TRY(type->mount(type, source, options, flags, &sb));
	if (sb->source == nullptr)
		sb->source = text_keep(source);
	if (atomic32_load(&sb->mounts) == 0 && (flags & MS_RDONLY) != 0)
		sb->flags |= SB_RDONLY;
	err_t err = sb_attach(sb, at, flags);
	if (err == OK)
		return OK;
	if (atomic32_load(&sb->mounts) == 0)
		superblock_abandon(sb);
	else
		superblock_put(sb);
	return err;
}

err_t
path_mount(struct cbytes type, struct cbytes source, struct cbytes name, u32 flags, struct cbytes options)
{
	struct path at = {};
	TRY(path_lookup(name, WALK_FOLLOW, &at));
	err_t err = mount_new(&at, type, source, options, flags);
	path_put(&at);
	return err;
}

/* --- bind, move --- */

static err_t
mount_clone(struct mount *from, struct dentry *root, struct mount **scoped out) MUST_HOLD(&mount_mutex)
{
	TRY(mount_create(from->sb, root, atomic32_load(&from->flags), out));
	superblock_get(from->sb);
	return OK;
}

/** Where in the copy what is mounted in `from` belongs: the copy that was made of its parent. `first` is the first of the copies. */
static struct mount *
clone_of(struct mount *from, struct mount *top, struct mount *copy)
{
	return from == top ? copy : from->clone;
}

/** Copies what is mounted below; the list is in the order of mounting, so parents come first. */
static err_t
bind_below(struct mount *top, struct dentry *root, struct mount *copy) MUST_HOLD(&mount_mutex)
{
	struct mount *last = mount_list_last(&mount_all);
	LIST_FOR(mount_list, mount, &mount_all) {
		bool inside = mount != top && mount->parent != mount && mount_below(mount->parent, top) && mount != copy && !mount_below(mount, copy);
		if (inside && mount->parent == top)
			inside = dentry_below(mount->mountpoint, root);
		mount->clone = nullptr;
		if (inside && clone_of(mount->parent, top, copy) != nullptr) {
			struct mount *made = nullptr;
			TRY(mount_clone(mount, mount->root, &made));
			mount_attach(made, &(struct path){ clone_of(mount->parent, top, copy), mount->mountpoint });
			mount->clone = made;
		}
		if (mount == last)
			break;
	}
	return OK;
}

static err_t
mount_bind(const struct path *scoped at, const struct path *scoped from, bool recursive)
{
	if (from->mount == nullptr)
		return EINVAL;
	TRY(same_kind(from->dentry, at->dentry));
	MUTEX_SCOPE(&mount_mutex);
	struct mount *copy = nullptr;
	TRY(mount_clone(from->mount, from->dentry, &copy));
	mount_attach(copy, at);
	return recursive ? bind_below(from->mount, from->dentry, copy) : OK;
}

static err_t
mount_move(const struct path *scoped at, const struct path *scoped from)
{
	struct mount *mount = from->mount;
	if (mount == nullptr || from->dentry != mount->root)
		return EINVAL;
	TRY(same_kind(from->dentry, at->dentry));
	MUTEX_SCOPE(&mount_mutex);
	if (mount->parent == mount)
		return EINVAL;
	if (mount_below(at->mount, mount))
		return ELOOP;
	mount_detach(mount);
	mount_attach(mount, at);
	return OK;
}

/** A bind or move from the place `source`. */
static err_t
mount_from_place(const struct path *scoped at, uaddr_t source, u32 flags)
{
	struct path from = {};
	TRY(path_lookup_user(AT_FDCWD, source, WALK_FOLLOW, &from));
	err_t err = (flags & MS_MOVE) != 0 ? mount_move(at, &from) : mount_bind(at, &from, (flags & MS_REC) != 0);
	path_put(&from);
	return err;
}

/* --- remount --- */

static err_t
mount_change(const struct path *scoped at, u32 flags, struct cbytes options)
{
	struct mount *mount = at->mount;
	struct superblock *sb = mount->sb;
	if (at->dentry != mount->root)
		return EINVAL;
	MUTEX_SCOPE(&mount_mutex);
	bool read_only = (flags & MS_RDONLY) != 0;
	if (read_only && (mount_flags(mount) & MS_RDONLY) == 0 && atomic32_load(&sb->writers) != 0)
		return EBUSY;
	if ((flags & MS_BIND) == 0) {
		if (sb->ops->remount != nullptr)
			TRY(sb->ops->remount(sb, options));
		sb->flags = read_only ? sb->flags | SB_RDONLY : sb->flags & ~(u32)SB_RDONLY;
	}
	u32 keep = (flags & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)) == 0 ?
		atomic32_load(&mount->flags) & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME) : 0;
	u32 set = flags_of_mount(flags);
	atomic32_store(&mount->flags, keep != 0 ? (set & ~(u32)MS_RELATIME) | keep : set);
	return OK;
}

/* --- mount(2) --- */

static err_t
string_take(uaddr_t at, struct byte_array **scoped out, size_t *scoped len)
{
	struct byte_array *text = byte_array_alloc(OPTIONS_MAX);
	if (text == nullptr)
		return ENOMEM;
	err_t err = at.raw != 0 ? copy_in_string(byte_array_bytes(text), at, len) : OK;
	if (err != OK)
		byte_array_put(text);
	else
		*out = text;
	return err == ENAMETOOLONG ? EINVAL : err;
}

/** Changes of propagation: that all mounts are private is so already. */
static err_t
propagation(const struct path *scoped at, u32 flags)
{
	if ((flags & ~(u32)(MS_PROPAGATION | MS_REC | MS_SILENT)) != 0 || at->dentry != at->mount->root)
		return EINVAL;
	return (flags & MS_PROPAGATION) == MS_PRIVATE ? OK : EINVAL;
}

static err_t
mount_at(const struct path *scoped at, uaddr_t source, uaddr_t type, u32 flags, struct cbytes options)
{
	if (at->mount == nullptr)
		return EINVAL;
	if ((flags & MS_REMOUNT) != 0)
		return mount_change(at, flags, options);
	if ((flags & (MS_BIND | MS_MOVE)) == 0 && (flags & MS_PROPAGATION) != 0)
		return propagation(at, flags);
	if ((flags & (MS_BIND | MS_MOVE)) != 0)
		return source.raw != 0 ? mount_from_place(at, source, flags) : EINVAL;
	if (type.raw == 0)
		return EINVAL;
	PATH_ARG(type_name, type);
	REF_SCOPE(byte_array, source_text);
	size_t len = 0;
	TRY(string_take(source, &source_text, &len));
	struct cbytes from = source.raw != 0 ? cbytes_sub(bytes_const(byte_array_bytes(source_text)), 0, len) : TEXT("none");
	return mount_new(at, type_name, from, options, flags);
}

err_t
sys_mount(uaddr_t source, uaddr_t target, uaddr_t type, u64 flags64, uaddr_t data)
{
	REF_SCOPE(byte_array, options);
	size_t len = 0;
	u32 flags = (u32)flags64;
	if ((flags & 0xffff0000) == 0xc0ed0000)
		flags &= 0xffff;
	if ((flags & ~(u32)MS_KNOWN) != 0)
		return EINVAL;
	TRY(string_take(data, &options, &len));
	struct path at = {};
	TRY(path_lookup_user(AT_FDCWD, target, WALK_FOLLOW, &at));
	err_t err = capable(CAP_SYS_ADMIN) ? mount_at(&at, source, type, flags, cbytes_sub(bytes_const(byte_array_bytes(options)), 0, len)) : EPERM;
	path_put(&at);
	return err;
}

/* --- umount2(2) --- */

/** A mount in `top` that nothing is mounted in. => null: there is none in it */
static struct mount *
mount_leaf_below(struct mount *top) MUST_HOLD(&mount_mutex)
{
	for (struct mount *mount = mount_list_last(&mount_all); mount != nullptr; mount = mount_list_prev(mount)) {
		if (mount != top && mount_below(mount, top))
			return mount;
	}
	return nullptr;
}

/** Off the tree, with all that is mounted in it; each goes with its last user. */
static void
mount_detach_all(struct mount *top) MUST_HOLD(&mount_mutex)
{
	for (struct mount *leaf = mount_leaf_below(top); leaf != nullptr; leaf = mount_leaf_below(top)) {
		mount_detach(leaf);
		mount_unref(leaf);
	}
	mount_detach(top);
	mount_unref(top);
}

/** `at` has one use of the mount, the tree the other: with more it is busy. */
static err_t
umount_at(const struct path *scoped at, u32 flags)
{
	struct mount *mount = at->mount;
	if (mount == nullptr || at->dentry != mount->root)
		return EINVAL;
	MUTEX_SCOPE(&mount_mutex);
	if (mount->parent == mount)
		return mount == mount_root() ? EBUSY : EINVAL;
	if ((flags & MNT_DETACH) != 0) {
		mount_detach_all(mount);
		return OK;
	}
	if (atomic32_load(&mount->users) != 2)
		return EBUSY;
	if ((flags & MNT_EXPIRE) != 0 && !mount->expiring) {
		mount->expiring = true;
		return EAGAIN;
	}
	mount_detach(mount);
	mount_unref(mount);
	return OK;
}

err_t
sys_umount2(uaddr_t target, u32 flags)
{
	if ((flags & ~(u32)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) != 0)
		return EINVAL;
	if ((flags & MNT_EXPIRE) != 0 && (flags & (MNT_FORCE | MNT_DETACH)) != 0)
		return EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	struct path at = {};
	TRY(path_lookup_user(AT_FDCWD, target, (flags & UMOUNT_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW, &at));
	err_t err = umount_at(&at, flags);
	path_put(&at);
	return err;
}

/* --- pivot_root(2) --- */

static err_t
pivot(const struct path *scoped new, const struct path *scoped put_old, const struct path *scoped root)
{
	if (new->mount == nullptr || put_old->mount == nullptr || root->mount == nullptr)
		return EINVAL;
	MUTEX_SCOPE(&mount_mutex);
	/* The first mount of all stays where it is, whatever else is asked. */
	if (new->mount->parent == new->mount)
		return EINVAL;
	if (new->mount == root->mount || put_old->mount == root->mount)
		return EBUSY;
	if (new->dentry != new->mount->root || root->dentry != root->mount->root || root->mount->parent == root->mount)
		return EINVAL;
	if (!mount_below(put_old->mount, new->mount) || !mount_below(new->mount, root->mount))
		return EINVAL;
	struct path place = { root->mount->parent, root->mount->mountpoint };
	path_get(&place);
	mount_detach(new->mount);
	mount_detach(root->mount);
	mount_attach(new->mount, &place);
	mount_attach(root->mount, put_old);
	path_put(&place);
	return OK;
}

/** Whoever stood at the old root stands at the new one. */
static void
root_replace(struct fs_context *fs, const struct path *scoped from, const struct path *scoped to)
{
	struct path root = {}, cwd = {};
	fs_context_root(fs, &root);
	fs_context_cwd(fs, &cwd);
	if (root.mount == from->mount && root.dentry == from->dentry)
		(void)fs_context_set(fs, to, true);
	if (cwd.mount == from->mount && cwd.dentry == from->dentry)
		(void)fs_context_set(fs, to, false);
	path_put(&root);
	path_put(&cwd);
}

/** The context of a process' leader, with a reference. */
static struct fs_context *
process_fs(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	struct thread *thread = process->leader;
	if (thread == nullptr)
		return nullptr;
	SPIN_SCOPE(&thread->lock);
	if (thread->fs != nullptr)
		fs_context_get(thread->fs);
	return thread->fs;
}

static void
root_replace_all(const struct path *scoped from, const struct path *scoped to)
{
	u32 pid = 1;
	for (struct process *process = process_next(&pid); process != nullptr; pid++, process = process_next(&pid)) {
		REF_SCOPE(fs_context, fs);
		fs = process_fs(process);
		if (fs != nullptr)
			root_replace(fs, from, to);
		process_put(process);
	}
}

err_t
sys_pivot_root(uaddr_t new_root, uaddr_t put_old)
{
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	struct path new = {}, old = {}, root = {};
	TRY(path_lookup_user(AT_FDCWD, new_root, WALK_FOLLOW | WALK_DIRECTORY, &new));
	err_t err = path_lookup_user(AT_FDCWD, put_old, WALK_FOLLOW | WALK_DIRECTORY, &old);
	if (err == OK) {
		fs_context_root(fs_context_current(), &root);
		err = pivot(&new, &old, &root);
		if (err == OK)
			root_replace_all(&root, &new);
		path_put(&root);
		path_put(&old);
	}
	path_put(&new);
	return err;
}

/* --- texts --- */

/** Copies `part` with what would break a line apart as \ooo. => false: no room */
static bool
text_put(struct bytes text, size_t *scoped len, struct cbytes part)
{
	for (size_t i = 0; i < cbytes_len(part); i++) {
		u8 c = cbytes_get(part, i);
		if (bytes_len(text) - *len < 4)
			return false;
		if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
			*len += format_text(bytes_from(text, *len), "\\{}{}{}", c >> 6 & 7, c >> 3 & 7, c & 7);
			continue;
		}
		bytes_set(text, *len, c);
		++*len;
	}
	return true;
}

/** The same without a change. */
static bool
text_add(struct bytes text, size_t *scoped len, struct cbytes part)
{
	if (bytes_len(text) - *len < cbytes_len(part))
		return false;
	bytes_copy(bytes_from(text, *len), part);
	*len += cbytes_len(part);
	return true;
}

static bool
text_flags(struct bytes text, size_t *scoped len, u32 flags)
{
	bool ok = text_add(text, len, (flags & MS_RDONLY) != 0 ? TEXT("ro") : TEXT("rw"));
	ok &= (flags & MS_NOSUID) == 0 || text_add(text, len, TEXT(",nosuid"));
	ok &= (flags & MS_NODEV) == 0 || text_add(text, len, TEXT(",nodev"));
	ok &= (flags & MS_NOEXEC) == 0 || text_add(text, len, TEXT(",noexec"));
	ok &= (flags & MS_NOATIME) == 0 || text_add(text, len, TEXT(",noatime"));
	ok &= (flags & MS_NODIRATIME) == 0 || text_add(text, len, TEXT(",nodiratime"));
	ok &= (flags & MS_RELATIME) == 0 || text_add(text, len, TEXT(",relatime"));
	return ok && ((flags & MS_NOSYMFOLLOW) == 0 || text_add(text, len, TEXT(",nosymfollow")));
}

static bool
text_options(struct bytes text, size_t *scoped len, struct superblock *sb)
{
	if (sb->ops->show_options == nullptr)
		return true;
	size_t more = sb->ops->show_options(sb, bytes_from(text, *len));
	if (more > bytes_len(text) - *len)
		return false;
	*len += more;
	return true;
}

static bool
text_source(struct bytes text, size_t *scoped len, struct superblock *sb)
{
	return text_put(text, len, sb->source != nullptr ? bytes_const(byte_array_bytes(sb->source)) : TEXT("none"));
}

static bool
text_type(struct bytes text, size_t *scoped len, const struct fs_type *type)
{
	return text_add(text, len, cbytes_sub(CBYTES_OF(type->name), 0, fs_type_name_len(type)));
}

/** Where it is mounted, as the running process sees it. => false: it does not */
static bool
text_mountpoint(struct bytes text, size_t *scoped len, struct mount *mount, struct byte_array *path)
{
	size_t path_len = 0;
	bool reachable = false;
	struct path place = { mount, mount->root };
	if (path_text_from_root(&place, byte_array_bytes(path), &path_len, &reachable) != OK || !reachable)
		return false;
	return text_put(text, len, cbytes_sub(bytes_const(byte_array_bytes(path)), 0, path_len));
}

static bool
line_mounts(struct bytes text, size_t *scoped len, struct mount *mount, struct byte_array *path)
{
	return text_source(text, len, mount->sb) && text_add(text, len, TEXT(" ")) && text_mountpoint(text, len, mount, path) &&
	       text_add(text, len, TEXT(" ")) && text_type(text, len, mount->sb->type) &&
	       text_add(text, len, TEXT(" ")) && text_flags(text, len, mount_flags(mount)) && text_options(text, len, mount->sb) &&
	       text_add(text, len, TEXT(" 0 0\n"));
}

/** The path of its root within its file system. */
static bool
text_root(struct bytes text, size_t *scoped len, struct mount *mount, struct byte_array *path)
{
	size_t path_len = 0;
	if (dentry_path_text(mount->root, mount->sb->root, byte_array_bytes(path), &path_len) != OK)
		return false;
	return text_put(text, len, cbytes_sub(bytes_const(byte_array_bytes(path)), 0, path_len));
}

static bool
line_mountinfo(struct bytes text, size_t *scoped len, struct mount *mount, struct byte_array *path)
{
	u8 head[64];
	struct superblock *sb = mount->sb;
	size_t n = format_text(BYTES_OF(head), "{} {} {}:{} ", mount->id, mount->parent != mount ? mount->parent->id : mount->id, sb->dev_major, sb->dev_minor);
	return text_add(text, len, cbytes_sub(CBYTES_OF(head), 0, n)) && text_root(text, len, mount, path) && text_add(text, len, TEXT(" ")) &&
	       text_mountpoint(text, len, mount, path) && text_add(text, len, TEXT(" ")) && text_flags(text, len, atomic32_load(&mount->flags)) &&
	       text_add(text, len, TEXT(" - ")) && text_type(text, len, sb->type) &&
	       text_add(text, len, TEXT(" ")) && text_source(text, len, sb) &&
	       text_add(text, len, (sb->flags & SB_RDONLY) != 0 ? TEXT(" ro") : TEXT(" rw")) && text_options(text, len, sb) && text_add(text, len, TEXT("\n"));
}

static size_t
mounts_lines(struct bytes text, u64 *scoped at, bool info)
{
	REF_SCOPE(byte_array, path);
	path = byte_array_alloc(PATH_MAX);
	if (path == nullptr)
		return 0;
	size_t done = 0;
	MUTEX_SCOPE(&mount_mutex);
	LIST_FOR(mount_list, mount, &mount_all) {
		size_t len = done;
		if (mount->id <= *at)
			continue;
		bool whole = info ? line_mountinfo(text, &len, mount, path) : line_mounts(text, &len, mount, path);
		if (!whole && done != 0 && bytes_len(text) - len < PATH_MAX)
			break;
		*at = mount->id;
		done = whole ? len : done;
	}
	return done;
}

size_t
mounts_text(struct bytes text, u64 *scoped at)
{
	return mounts_lines(text, at, false);
}

size_t
mountinfo_text(struct bytes text, u64 *scoped at)
{
	return mounts_lines(text, at, true);
}
