// SPDX-License-Identifier: MPL-2.0
/**
 * The path walk: from text to a place.
 *
 * A walk is tried twice. First in one RCU section, without a reference or lock for any component, taking a reference only at the end; then, where
 * that met something that may sleep (a file system to ask, a link to read) or a rename, again from the start with references.
 *
 * Source: path_resolution(7), openat2(2), symlink(7).
 */
#include "fs_impl.h"

enum : u32 { LINK_DEPTH = 8 };

/** A walk on its way. `counted`: mount and dentry have references, and so has the root. */
struct walk {
	struct mount *mount; struct dentry *dentry;          /* where it is */
	struct path root;                                    /* above which ".." does not lead */
	struct path from;                                    /* where a relative path starts; null: the working directory. Lives as long as the walk */
	u32 flags;
	u32 links;                                           /* symbolic links followed */
	u32 sequence;                                        /* rename_sequence at the start */
	u32 last_from_end, last_len;                         /* the last component, where `stop`: how far before the text's end it begins */
	u32 depth;                                           /* links within links */
	bool counted;
	bool again;                                          /* RCU cannot go on: with references, please */
	bool stop;                                           /* in front of the last component */
	bool slash;                                          /* the last component has a slash behind it */
	bool dots;                                           /* it is `.`, `..`, or there is none */
};

void
path_get(const struct path *scoped path)
{
	if (path->mount != nullptr)
		mount_ref(path->mount);
	dentry_ref(path->dentry);
}

void
path_put(struct path *scoped path)
{
	struct path old = *path;
	*path = (struct path){};
	if (old.dentry != nullptr)
		dentry_unref(old.dentry);
	if (old.mount != nullptr)
		mount_unref(old.mount);
}

/** RCU cannot answer this. */
static err_t
walk_again(struct walk *scoped walk)
{
	walk->again = true;
	return ECANCELED;
}

/** Goes to a place; where the walk counts, takes over the caller's references (`mount` may be the present one: then it has none of its own). */
static void
walk_to(struct walk *scoped walk, struct mount *mount, struct dentry *dentry)
{
	struct mount *old_mount = walk->mount;
	struct dentry *old_dentry = walk->dentry;
	walk->mount = mount;
	walk->dentry = dentry;
	if (!walk->counted)
		return;
	dentry_unref(old_dentry);
	if (old_mount != mount)
		mount_unref(old_mount);
}

static err_t
walk_to_root(struct walk *scoped walk)
{
	if ((walk->flags & WALK_BENEATH) != 0)
		return EXDEV;
	if ((walk->flags & WALK_NO_XDEV) != 0 && walk->mount != walk->root.mount)
		return EXDEV;
	if (walk->counted) {
		dentry_ref(walk->root.dentry);
		if (walk->mount != walk->root.mount)
			mount_ref(walk->root.mount);
	}
	walk_to(walk, walk->root.mount, walk->root.dentry);
	return OK;
}

/** What is mounted here, with references if the walk counts. => null: nothing */
static struct mount *
walk_mounted(struct walk *scoped walk, struct mount *mount, struct dentry *dentry)
{
	if (!walk->counted)
		return mount_find(mount, dentry);
	RCU_SCOPE();
	struct mount *found = mount_find(mount, dentry);
	if (found == nullptr || !mount_ref_live(found))
		return nullptr;
	dentry_ref(found->root);
	return found;
}

/** From the present place into what is mounted on it. */
static err_t
walk_into_mounts(struct walk *scoped walk)
{
	while ((atomic32_load_relaxed(&walk->dentry->flags) & DENTRY_MOUNTED) != 0) {
		struct mount *mount = walk_mounted(walk, walk->mount, walk->dentry);
		if (mount == nullptr)
			return OK;
		walk_to(walk, mount, mount->root);
		if ((walk->flags & WALK_NO_XDEV) != 0)
			return EXDEV;
	}
	return OK;
}

static inline bool
walk_at_root(const struct walk *scoped walk)
{
	return walk->dentry == walk->root.dentry && walk->mount == walk->root.mount;
}

/** From a mount's root to where it is mounted. => false: it is the top */
static bool
walk_out_of_mount(struct walk *scoped walk)
{
	if (!walk->counted) {
		struct mount *parent = POINTER_LOAD(walk->mount->parent);
		struct dentry *mountpoint = POINTER_LOAD(walk->mount->mountpoint);
		if (parent == walk->mount || mountpoint == nullptr)
			return false;
		walk_to(walk, parent, mountpoint);
		return true;
	}
	struct mount *parent;
	struct dentry *mountpoint;
	{
		MUTEX_SCOPE(&mount_mutex);
		parent = walk->mount->parent;
		mountpoint = walk->mount->mountpoint;
		if (parent == walk->mount)
			return false;
		mount_ref(parent);
		dentry_ref(mountpoint);
	}
	walk_to(walk, parent, mountpoint);
	return true;
}

/** The parent directory, with a reference where the walk counts. */
static struct dentry *
walk_parent(struct walk *scoped walk)
{
	if (!walk->counted)
		return POINTER_LOAD(walk->dentry->parent);
	for (;;) {
		RCU_SCOPE();
		struct dentry *parent = POINTER_LOAD(walk->dentry->parent);
		if (dentry_ref_live(parent))
			return parent;
	}
}

static err_t
walk_up(struct walk *scoped walk)
{
	if (walk_at_root(walk))
		return (walk->flags & WALK_BENEATH) != 0 ? EXDEV : OK;
	while (walk->dentry == walk->mount->root) {
		if (!walk_out_of_mount(walk))
			return OK;
		if ((walk->flags & WALK_NO_XDEV) != 0)
			return EXDEV;
		if (walk_at_root(walk))
			return OK;
	}
	walk_to(walk, walk->mount, walk_parent(walk));
	return walk_into_mounts(walk);
}

/* --- one component --- */

/** The entry `name` of the present directory. => *out with a reference where the walk counts; ENOENT */
static err_t
walk_find(struct walk *scoped walk, const struct name *scoped name, struct cbytes text, struct dentry **scoped out)
{
	if (walk->counted)
		return dentry_lookup(walk->dentry, name, text, out);
	struct dentry *dentry = dcache_find(walk->dentry, name, text);
	if (dentry == nullptr)
		return (walk->dentry->sb->flags & SB_PINNED) != 0 ? ENOENT : walk_again(walk);
	if (dentry->ops != nullptr && dentry->ops->valid != nullptr && !dentry->ops->valid(dentry))
		return walk_again(walk);
	if ((dentry->sb->flags & SB_PINNED) == 0 && (atomic32_load_relaxed(&dentry->flags) & DENTRY_REFERENCED) == 0)
		(void)atomic32_or(&dentry->flags, DENTRY_REFERENCED);
	*out = dentry;
	return POINTER_LOAD(dentry->inode) != nullptr ? OK : ENOENT;
}

/** fs.protected_symlinks: in a sticky directory that all can write, only one's own links (or the directory owner's) are followed. */
static err_t
link_allowed(const struct walk *scoped walk, const struct inode *link)
{
	const struct inode *dir = walk->dentry->inode;
	u32 owner = POINTER_LOAD(link->uid);
	if ((POINTER_LOAD(dir->mode) & (S_ISVTX | 02)) != (S_ISVTX | 02) || cred_current()->fsuid == owner || POINTER_LOAD(dir->uid) == owner)
		return OK;
	return EACCES;
}

/** A link that leads straight to a place. */
static err_t
walk_jump(struct walk *scoped walk, struct inode *inode)
{
	if ((walk->flags & WALK_NO_MAGICLINKS) != 0)
		return ELOOP;
	struct path to = {};
	TRY(inode->ops->follow(inode, &to));
	bool leaves = (walk->flags & (WALK_BENEATH | WALK_IN_ROOT)) != 0 || ((walk->flags & WALK_NO_XDEV) != 0 && to.mount != walk->mount);
	if (leaves) {
		path_put(&to);
		return EXDEV;
	}
	/* walk_to wants no second reference to the mount it is in. */
	if (to.mount == walk->mount && to.mount != nullptr)
		mount_unref(to.mount);
	walk_to(walk, to.mount, to.dentry);
	return OK;
}

/** What is asked before a link of the present directory is followed. */
static err_t
walk_may_follow(struct walk *scoped walk, const struct dentry *link)
{
	if (++walk->links > SYMLINKS_MAX || (walk->flags & WALK_NO_SYMLINKS) != 0 || (mount_flags(walk->mount) & MS_NOSYMFOLLOW) != 0)
		return ELOOP;
	return link_allowed(walk, link->inode);
}

/** Puts a link's text in front of what is left of the path. */
static err_t
link_join(struct inode *inode, struct cbytes rest, struct byte_array **scoped out, size_t *scoped len)
{
	struct byte_array *text = byte_array_alloc(PATH_MAX + (u32)cbytes_len(rest));
	if (text == nullptr)
		return ENOMEM;
	size_t link = 0;
	err_t err = inode_readlink(inode, bytes_sub(byte_array_bytes(text), 0, PATH_MAX), &link);
	if (err == OK && link >= PATH_MAX)
		err = ENAMETOOLONG;
	if (err == OK && link == 0)
		err = ENOENT;
	if (err != OK) {
		byte_array_put(text);
		return err;
	}
	bytes_copy(bytes_from(byte_array_bytes(text), link), rest);
	*out = text;
	*len = link + cbytes_len(rest);
	return OK;
}

/* --- all components --- */

/** Whether the present place is a directory that may be searched. */
static inline err_t
walk_may_search(struct walk *scoped walk)
{
	struct inode *inode = walk->dentry->inode;
	if (!inode_is(inode, S_IFDIR))
		return ENOTDIR;
	if (inode->ops->permission != nullptr && !walk->counted)
		return walk_again(walk);
	return inode_permission(inode, MAY_EXEC);
}

/** Scans the component at `at`. => where it ends */
static inline size_t
name_scan(struct cbytes path, size_t at, struct name *scoped name)
{
	size_t start = at, len = cbytes_len(path);
	u64 word = 0, hash = 0;
	u32 n = 0;
	for (; at < len; at++) {
		u8 c = cbytes_get(path, at);
		if (c == '/')
			break;
		word |= (u64)c << n % 8 * 8;
		if (++n % 8 == 0) {
			if (n <= NAME_SHORT)
				name->word[n / 8 - 1] = word;
			hash = name_hash_step(hash, word);
			word = 0;
		}
	}
	if (n % 8 != 0) {
		if (n < NAME_SHORT)
			name->word[n / 8] = word;
		hash = name_hash_step(hash, word);
	}
	name->len = (u32)(at - start);
	name->hash = name_hash_step(hash, n);
	return at;
}

static inline size_t
slashes_skip(struct cbytes path, size_t at)
{
	while (at < cbytes_len(path) && cbytes_get(path, at) == '/')
		at++;
	return at;
}

/** Where a walk stands in a text. */
struct cursor { size_t at, end; /* behind the last component, before its slashes */ };

/** One name down, or: => *link is one to be followed, with a reference if the walk counts. */
static err_t
walk_down(struct walk *scoped walk, const struct name *scoped name, struct cbytes text, bool follow, struct dentry **scoped link)
{
	if (name->len > NAME_MAX)
		return ENAMETOOLONG;
	struct dentry *dentry = nullptr;
	TRY(walk_find(walk, name, text, &dentry));
	if (follow && inode_is(dentry->inode, S_IFLNK)) {
		*link = dentry;
		return OK;
	}
	walk_to(walk, walk->mount, dentry);
	return walk_into_mounts(walk);
}

/** In front of the last component, which is not walked. */
static err_t
walk_stop(struct walk *scoped walk, size_t from_end, u32 len, bool dots)
{
	walk->last_from_end = (u32)from_end;
	walk->last_len = len;
	walk->dots = dots;
	return OK;
}

/** Walks a text from the cursor to its end, or to a link: *link. `final`: its last component is the path's last, and not of a link in its middle. */
static err_t
walk_steps(struct walk *scoped walk, struct cbytes path, bool final, struct cursor *scoped cursor, struct dentry **scoped link)
{
	size_t len = cbytes_len(path);
	while (cursor->at < len && *link == nullptr) {
		TRY(walk_may_search(walk));
		struct name name = {};
		size_t start = cursor->at, end = name_scan(path, start, &name);
		cursor->end = end;
		cursor->at = slashes_skip(path, end);
		bool last = cursor->at == len && final, slash = cursor->at != end;
		bool dot = name.word[0] == '.' && name.len == 1, dots = name.word[0] == '.' + ('.' << 8) && name.len == 2;
		if (last)
			walk->slash |= slash;
		if (last && walk->stop)
			return walk_stop(walk, len - start, name.len, dot || dots);
		if (dot)
			continue;
		if (dots)
			TRY(walk_up(walk));
		else
			TRY(walk_down(walk, &name, cbytes_sub(path, start, end - start), !last || slash || (walk->flags & WALK_FOLLOW) != 0, link));
	}
	return OK;
}

/** To the start of a text. */
static err_t
walk_start(struct walk *scoped walk, struct cbytes path, struct cursor *scoped cursor)
{
	cursor->at = slashes_skip(path, 0);
	return cursor->at != 0 ? walk_to_root(walk) : OK;
}

/** The whole of a text without references: links within links by recursion, as deep as LINK_DEPTH. */
static err_t
walk_text_lockless(struct walk *scoped walk, struct cbytes path, bool final)
{
	struct cursor cursor = {};
	TRY(walk_start(walk, path, &cursor));
	for (;;) {
		struct dentry *link = nullptr;
		TRY(walk_steps(walk, path, final, &cursor, &link));
		if (link == nullptr)
			return OK;
		TRY(walk_may_follow(walk, link));
		struct byte_array *text = link->inode->link;
		if (text == nullptr || byte_array_len(text) == 0 || walk->depth == LINK_DEPTH)
			return walk_again(walk);
		walk->depth++;
		TRY(walk_text_lockless(walk, bytes_const(byte_array_bytes(text)), final && cursor.at == cbytes_len(path)));
		walk->depth--;
	}
}

/** Follows `link` with references. => *joined: the text to walk from here on; null: the link led straight to a place */
static err_t
walk_link(struct walk *scoped walk, struct dentry *link, struct cbytes rest, struct byte_array **scoped joined, size_t *scoped len)
{
	TRY(walk_may_follow(walk, link));
	if (link->inode->ops->follow != nullptr)
		return walk_jump(walk, link->inode);
	return link_join(link->inode, rest, joined, len);
}

/** The whole of a text with references: a link's text is put in front of what is left. */
static err_t
walk_text_counted(struct walk *scoped walk, struct cbytes path)
{
	REF_SCOPE(byte_array, buffer);
	struct cursor cursor = {};
	TRY(walk_start(walk, path, &cursor));
	for (;;) {
		struct dentry *link = nullptr;
		struct byte_array *joined = nullptr;
		size_t len = 0;
		TRY(walk_steps(walk, path, true, &cursor, &link));
		if (link == nullptr)
			return OK;
		err_t err = walk_link(walk, link, cbytes_from(path, cursor.end), &joined, &len);
		dentry_unref(link);
		TRY(err);
		if (joined == nullptr)
			continue;
		if (buffer != nullptr)
			byte_array_put(buffer);
		buffer = joined;
		path = cbytes_sub(bytes_const(byte_array_bytes(joined)), 0, len);
		TRY(walk_start(walk, path, &cursor));
	}
}

/* --- start and end --- */

/** Sets it at its start, without references; in RCU. */
static void
walk_begin(struct walk *scoped walk, bool absolute)
{
	walk->sequence = atomic32_load(&rename_sequence);
	bool scoped_walk = (walk->flags & (WALK_BENEATH | WALK_IN_ROOT)) != 0;
	struct path start = {};
	if (!scoped_walk)
		walk->root = POINTER_LOAD(fs_context_current()->root)->path;
	if (absolute && !scoped_walk)
		start = walk->root;
	else
		start = walk->from.dentry != nullptr ? walk->from : POINTER_LOAD(fs_context_current()->cwd)->path;
	if (scoped_walk)
		walk->root = start;
	walk->mount = start.mount;
	walk->dentry = start.dentry;
}

/** Takes references to where the walk is. => false: it is going */
static bool
place_take(struct mount *mount, struct dentry *dentry)
{
	if (mount != nullptr && !mount_ref_live(mount))
		return false;
	if (dentry_ref_live(dentry))
		return true;
	if (mount != nullptr)
		mount_unref(mount);
	return false;
}

static bool
walk_is_stable(const struct walk *scoped walk)
{
	return (walk->sequence & 1) == 0 && atomic32_load(&rename_sequence) == walk->sequence;
}

/** The whole walk without references. Where it is OK, *out has them. => false: to be done again */
static bool
walk_lockless(struct walk *scoped walk, struct cbytes path, err_t *scoped err)
{
	RCU_SCOPE();
	walk_begin(walk, cbytes_get(path, 0) == '/');
	*err = walk_text_lockless(walk, path, true);
	if (walk->again || !walk_is_stable(walk) || dentry_is_dead(walk->dentry))
		return false;
	return *err != OK || place_take(walk->mount, walk->dentry);
}

/** Sets it at its start, with references. => false: the start or the root was replaced meanwhile */
static bool
walk_begin_counted(struct walk *scoped walk, bool absolute)
{
	bool started;
	{
		RCU_SCOPE();
		walk_begin(walk, absolute);
		if (!place_take(walk->mount, walk->dentry))
			return false;
		started = place_take(walk->root.mount, walk->root.dentry);
	}
	walk->counted = true;
	if (!started)
		path_put(&(struct path){ walk->mount, walk->dentry });
	return started;
}

static void
walk_let_go(struct walk *scoped walk)
{
	struct path place = { walk->mount, walk->dentry };
	path_put(&place);
}

/** The whole walk with references. Where it is OK, the walk's place has them. */
static err_t
walk_counted(struct walk *scoped walk, struct cbytes path)
{
	while (!walk_begin_counted(walk, cbytes_get(path, 0) == '/'))
		;
	err_t err = walk_text_counted(walk, path);
	path_put(&walk->root);
	if (err != OK)
		walk_let_go(walk);
	return err;
}

static err_t
walk_from_place(struct walk *scoped walk, struct cbytes path)
{
	struct walk fresh = *walk;
	err_t err = OK;
	if (walk_lockless(walk, path, &err))
		return err;
	if ((fresh.flags & WALK_CACHED) != 0)
		return EAGAIN;
	*walk = fresh;
	return walk_counted(walk, path);
}

/** The file whose directory a relative path starts from. => hold->file null: none is needed */
static err_t
origin_hold(i32 dirfd, struct cbytes path, u32 flags, struct fd_hold *scoped hold)
{
	if (cbytes_len(path) == 0)
		return ENOENT;
	if (dirfd == AT_FDCWD || (cbytes_get(path, 0) == '/' && (flags & (WALK_BENEATH | WALK_IN_ROOT)) == 0))
		return OK;
	TRY(fd_borrow_any(dirfd, hold));
	if ((hold->file->mode & FILE_ANONYMOUS) == 0)
		return OK;
	fd_return(hold);
	return ENOTDIR;
}

/** A walk to its end; where it is OK, its place has references. */
static err_t
walk_run(struct walk *scoped walk, i32 dirfd, struct cbytes path)
{
	struct fd_hold hold = {};
	TRY(origin_hold(dirfd, path, walk->flags, &hold));
	if (hold.file == nullptr)
		return walk_from_place(walk, path);
	walk->from = (struct path){ hold.file->mount, hold.file->dentry };
	err_t err = walk_from_place(walk, path);
	fd_return(&hold);
	return err;
}

/** The directory descriptor itself, for an empty path. */
static err_t
path_of_descriptor(i32 dirfd, struct path *scoped out)
{
	if (dirfd == AT_FDCWD) {
		fs_context_cwd(fs_context_current(), out);
		return OK;
	}
	struct fd_hold hold = {};
	TRY(fd_borrow_any(dirfd, &hold));
	err_t err = file_path(hold.file, out);
	fd_return(&hold);
	return err;
}

err_t
path_lookup_at(i32 dirfd, struct cbytes path, u32 flags, struct path *scoped out)
{
	if (cbytes_len(path) == 0 && (flags & WALK_EMPTY) != 0)
		return path_of_descriptor(dirfd, out);
	struct walk walk = { .flags = flags };
	TRY(walk_run(&walk, dirfd, path));
	*out = (struct path){ walk.mount, walk.dentry };
	if (((flags & WALK_DIRECTORY) != 0 || walk.slash) && !inode_is(out->dentry->inode, S_IFDIR)) {
		path_put(out);
		return ENOTDIR;
	}
	return OK;
}

err_t
path_lookup(struct cbytes name, u32 flags, struct path *scoped out)
{
	return path_lookup_at(AT_FDCWD, name, flags, out);
}

/** The same without references at the end. => false: no answer this way */
static bool
attr_lockless(struct walk *scoped walk, struct cbytes path, struct inode_attr *scoped attr, err_t *scoped err)
{
	RCU_SCOPE();
	walk_begin(walk, cbytes_get(path, 0) == '/');
	*err = walk_text_lockless(walk, path, true);
	if (walk->again)
		return false;
	struct inode *inode = walk->dentry->inode;
	if (*err == OK && walk->slash && !inode_is(inode, S_IFDIR))
		*err = ENOTDIR;
	if (*err == OK) {
		if (inode->ops->getattr != nullptr)
			return false;
		inode_attr(inode, attr);
	}
	return walk_is_stable(walk) && !dentry_is_dead(walk->dentry);
}

static err_t
attr_counted(i32 dirfd, struct cbytes path, u32 flags, struct inode_attr *scoped attr)
{
	struct path place = {};
	TRY(path_lookup_at(dirfd, path, flags, &place));
	inode_attr(place.dentry->inode, attr);
	path_put(&place);
	return OK;
}

err_t
path_attr(i32 dirfd, struct cbytes path, u32 flags, struct inode_attr *scoped attr)
{
	if (cbytes_len(path) == 0 && (flags & WALK_EMPTY) != 0)
		return attr_counted(dirfd, path, flags, attr);
	struct walk walk = { .flags = flags };
	struct fd_hold hold = {};
	TRY(origin_hold(dirfd, path, flags, &hold));
	if (hold.file != nullptr)
		walk.from = (struct path){ hold.file->mount, hold.file->dentry };
	err_t err = OK;
	bool done = attr_lockless(&walk, path, attr, &err);
	if (hold.file != nullptr)
		fd_return(&hold);
	return done ? err : attr_counted(dirfd, path, flags, attr);
}

static err_t
last_take(struct walk *scoped walk, struct cbytes path, struct walk_last *scoped out)
{
	out->parent = (struct path){ walk->mount, walk->dentry };
	out->len = walk->last_len;
	out->slash = walk->slash;
	out->dots = walk->dots || walk->last_len == 0;
	if (out->len > NAME_MAX) {
		path_put(&out->parent);
		return ENAMETOOLONG;
	}
	bytes_copy(BYTES_OF(out->name), cbytes_sub(path, cbytes_len(path) - walk->last_from_end, out->len));
	return OK;
}

err_t
path_parent(i32 dirfd, struct cbytes path, u32 flags, struct walk_last *scoped out)
{
	struct walk walk = { .flags = flags, .stop = true };
	TRY(walk_run(&walk, dirfd, path));
	return last_take(&walk, path, out);
}

err_t
path_parent_from(const struct path *scoped from, struct cbytes path, u32 flags, u32 *scoped links, struct walk_last *scoped out)
{
	if (cbytes_len(path) == 0)
		return ENOENT;
	struct walk walk = { .flags = flags, .stop = true, .from = *from, .links = *links };
	TRY(walk_from_place(&walk, path));
	*links = walk.links;
	return last_take(&walk, path, out);
}

err_t
path_copy_in(uaddr_t user, struct bytes small, struct byte_array **scoped large, size_t *scoped len)
{
	err_t err = copy_in_string(small, user, len);
	if (__builtin_expect(err != ENAMETOOLONG, 1))
		return err;
	struct byte_array *buffer = byte_array_alloc(PATH_MAX);
	if (buffer == nullptr)
		return ENOMEM;
	err = copy_in_string(byte_array_bytes(buffer), user, len);
	if (err != OK)
		byte_array_put(buffer);
	else
		*large = buffer;
	return err;
}

err_t
path_lookup_user(i32 dirfd, uaddr_t name, u32 flags, struct path *scoped out)
{
	PATH_ARG(path, name);
	return path_lookup_at(dirfd, path, flags, out);
}
