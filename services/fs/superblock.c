// SPDX-License-Identifier: MPL-2.0
/** File systems: the registered types and their instances. */
#include "fs_impl.h"

enum : u32 { FS_TYPES_MAX = 32 };

static struct spin_lock types_lock;
static struct { const struct fs_type *type; } types[FS_TYPES_MAX] GUARDED_BY(&types_lock);
static u32 type_count GUARDED_BY(&types_lock);
static struct atomic32 next_minor;

static void
superblock_release(struct superblock *sb)
{
	if (sb->source != nullptr)
		byte_array_put(sb->source);
}
OBJECT_DEFINE_RELEASE(superblock);

void
fs_register(const struct fs_type *type)
{
	SPIN_SCOPE(&types_lock);
	assert(type_count < FS_TYPES_MAX);
	ELEM(types, type_count)->type = type;
	type_count++;
}

u32
fs_type_name_len(const struct fs_type *type)
{
	u32 len = 0;
	while (len < sizeof(type->name) && type->name[len] != 0)
		len++;
	return len;
}

const struct fs_type *
fs_type_find(struct cbytes name)
{
	SPIN_SCOPE(&types_lock);
	for (u32 i = 0; i < type_count; i++) {
		const struct fs_type *type = ELEM(types, i)->type;
		if (cbytes_equal(cbytes_sub(CBYTES_OF(type->name), 0, fs_type_name_len(type)), name))
			return type;
	}
	return nullptr;
}

size_t
fs_types_text(struct bytes text, u64 *scoped at)
{
	SPIN_SCOPE(&types_lock);
	size_t len = 0;
	for (; *at < type_count; ++*at) {
		const struct fs_type *type = ELEM(types, *at)->type;
		if (bytes_len(text) - len < 32)
			break;
		len += format_text(bytes_from(text, len), "{}\t{}\n", (type->flags & FS_NODEV) != 0 ? TEXT("nodev") : TEXT(""),
		                   cbytes_sub(CBYTES_OF(type->name), 0, fs_type_name_len(type)));
	}
	return len;
}

err_t
superblock_create(const struct fs_type *type, const struct superblock_ops *ops, u32 magic, struct superblock **scoped out)
{
	struct superblock *sb = superblock_alloc();
	if (sb == nullptr)
		return ENOMEM;
	sb->type = type;
	sb->ops = ops;
	sb->magic = magic;
	sb->dev_minor = atomic32_add(&next_minor, 1) + 1;
	sb->name_max = NAME_MAX;
	sb->max_size = ~(u64)0 >> 1;
	*out = sb;
	return OK;
}

err_t
superblock_set_root(struct superblock *sb, struct inode *inode)
{
	struct dentry *root = dentry_create(nullptr, sb, TEXT("/"));
	if (root == nullptr)
		return ENOMEM;
	dentry_attach(root, inode);
	sb->root = root;
	return OK;
}
