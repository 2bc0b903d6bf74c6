// SPDX-License-Identifier: MPL-2.0
/**
 * Where a process stands in the file system: its root, its working directory, its umask.
 *
 * A place is an immutable object, published for RCU readers; what it refers to is let go when it is replaced, so a reader that met an old
 * one finds out when it takes its reference.
 */
#include "fs_impl.h"

OBJECT_DEFINE(fs_place);

static void
place_end(struct fs_place *place)
{
	struct path path = place->path;
	path_put(&path);
	fs_place_put_rcu(place);
}

static struct fs_place *
place_create(const struct path *scoped path)
{
	struct fs_place *place = fs_place_alloc();
	if (place == nullptr)
		return nullptr;
	path_get(path);
	place->path = *path;
	return place;
}

static void
fs_context_release(struct fs_context *fs)
{
	if (fs->root != nullptr)
		place_end(fs->root);
	if (fs->cwd != nullptr)
		place_end(fs->cwd);
}
OBJECT_DEFINE_RELEASE(fs_context);

static struct fs_context *first;                    /* [boot] of kernel tasks */

struct fs_context *
fs_context_current(void)
{
	return thread_current_or_null() != nullptr ? fs_current() : first;
}

static err_t
context_make(const struct path *scoped root, const struct path *scoped cwd, u32 umask, struct fs_context **scoped out)
{
	struct fs_context *fs = fs_context_alloc();
	if (fs == nullptr)
		return ENOMEM;
	atomic32_store(&fs->umask, umask);
	fs->root = place_create(root);
	fs->cwd = place_create(cwd);
	if (fs->root == nullptr || fs->cwd == nullptr) {
		fs_context_put(fs);
		return ENOMEM;
	}
	*out = fs;
	return OK;
}

err_t
fs_context_create(struct fs_context **scoped out)
{
	return fs_context_copy(first, out);
}

void
fs_context_root(struct fs_context *fs, struct path *scoped out)
{
	SPIN_SCOPE(&fs->lock);
	*out = fs->root->path;
	path_get(out);
}

void
fs_context_cwd(struct fs_context *fs, struct path *scoped out)
{
	SPIN_SCOPE(&fs->lock);
	*out = fs->cwd->path;
	path_get(out);
}

err_t
fs_context_copy(struct fs_context *from, struct fs_context **scoped out)
{
	struct path root = {}, cwd = {};
	fs_context_root(from, &root);
	fs_context_cwd(from, &cwd);
	err_t err = context_make(&root, &cwd, fs_context_umask(from), out);
	path_put(&root);
	path_put(&cwd);
	return err;
}

err_t
fs_context_set(struct fs_context *fs, const struct path *scoped path, bool root)
{
	struct fs_place *place = place_create(path), *old;
	if (place == nullptr)
		return ENOMEM;
	{
		SPIN_SCOPE(&fs->lock);
		old = root ? fs->root : fs->cwd;
		if (root)
			POINTER_PUBLISH(fs->root, place);
		else
			POINTER_PUBLISH(fs->cwd, place);
	}
	place_end(old);
	return OK;
}

u32
fs_context_umask(struct fs_context *fs)
{
	return atomic32_load_relaxed(&fs->umask);
}

u32
fs_umask(void)
{
	return fs_context_umask(fs_context_current());
}

err_t
context_init(void)
{
	struct path root = { mount_root(), mount_root()->root };
	return context_make(&root, &root, 022, &first);
}
