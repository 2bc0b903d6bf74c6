// SPDX-License-Identifier: MPL-2.0
/**
 * Nodes of tables as inodes: lookup, listing, links, permission.
 */
#include <textfs.h>
#include <thread.h>

#include "textfs_impl.h"

OBJECT_DEFINE(text_node);

struct text_node *
text_node_create(const struct text_table *table, const struct text_entry *entry, const struct text_node *dir)
{
	struct text_node *node = text_node_alloc();
	if (node == nullptr)
		return nullptr;
	node->table = table;
	node->entry = entry;
	node->id = dir->id;
	node->stamp = dir->stamp;
	node->number = dir->number;
	return node;
}

struct text_node *
text_node_of(struct inode *inode)
{
	return text_node_from(inode->private);
}

/** An entry's path, without the zeroes behind. */
static u32
path_len(const struct text_entry *entry)
{
	u32 len = 0;
	while (len < sizeof(entry->path) && entry->path[len] != 0)
		len++;
	return len;
}

/** Where in `entry`'s path its last name starts, if it lies right in `dir`; else 0 with *in_dir false. */
static u32
name_start(const struct text_entry *dir, const struct text_entry *entry, bool *scoped in_dir)
{
	u32 dir_len = path_len(dir), len = path_len(entry), start = dir_len == 0 ? 0 : dir_len + 1;
	*in_dir = false;
	if (len <= start || (dir_len != 0 && entry->path[dir_len] != '/') ||
	    !cbytes_equal(cbytes_sub(CBYTES_OF(entry->path), 0, dir_len), cbytes_sub(CBYTES_OF(dir->path), 0, dir_len)))
		return 0;
	for (u32 i = start; i < len; i++) {
		if (entry->path[i] == '/')
			return 0;
	}
	*in_dir = true;
	return start;
}

/** The entry called `name` in a directory of the table; null: none. */
static const struct text_entry *
entry_find(const struct text_node *dir, struct cbytes name)
{
	const struct text_entry *entry = nullptr;
	for (u32 i = 0; (entry = dir->table->at(i)) != nullptr; i++) {
		bool in_dir = false;
		u32 start = name_start(dir->entry, entry, &in_dir);
		if (in_dir && cbytes_equal(name, cbytes_sub(CBYTES_OF(entry->path), start, path_len(entry) - start)))
			return entry;
	}
	return nullptr;
}

/** The same node has the same number at each lookup, and in listings. */
static u64
node_ino(const struct text_entry *entry, u64 id, u64 number)
{
	u64 hash = 0xcbf29ce484222325;
	for (u32 i = 0; i < path_len(entry); i++)
		hash = (hash ^ entry->path[i]) * 0x100000001b3;
	hash = (hash ^ id << 20 ^ number) * 0x9e3779b97f4a7c15;
	return (hash >> 33) + 2 + (id << 32);
}

static bool
node_is_valid(const struct text_node *node)
{
	return node->table->valid == nullptr || node->table->valid(node);
}

static bool
text_dentry_valid(struct dentry *dentry)
{
	struct inode *inode = POINTER_LOAD(dentry->inode);
	return inode != nullptr && !text_node_of(inode)->table->volatile_names && node_is_valid(text_node_of(inode));
}
static const struct dentry_ops text_dentry_ops = { .valid = text_dentry_valid };

/** An inode for a node, whose reference it takes over in each case. */
static err_t
text_inode_create(struct superblock *sb, struct text_node *node, struct inode **scoped out)
{
	const struct text_special *special = node->entry->special;
	const struct file_ops *file_ops = S_ISDIR_MODE(node->entry->mode) ? &text_dir_ops : special != nullptr && special->file_ops != nullptr ?
		special->file_ops : &text_file_ops;
	u32 mode = special != nullptr && special->mode != nullptr ? special->mode(node) : node->entry->mode;
	bool magic = special != nullptr && special->follow != nullptr;
	struct inode *inode = inode_create(sb, magic ? &text_link_ops : &text_inode_ops, file_ops, mode);
	if (inode == nullptr) {
		text_node_put(node);
		return ENOMEM;
	}
	inode->private = text_node_object(node);
	inode->ino = node_ino(node->entry, node->id, node->number);
	inode->uid = inode->gid = 0;
	if (node->table->owner != nullptr)
		node->table->owner(node, &inode->uid, &inode->gid);
	*out = inode;
	return OK;
}

/** The node called `name` in a directory. => ENOENT, ENOMEM */
static err_t
node_lookup(struct text_node *dir, struct cbytes name, struct text_node **scoped out)
{
	const struct text_special *special = dir->entry->special;
	const struct text_entry *entry = entry_find(dir, name);
	if (!node_is_valid(dir))
		return ENOENT;
	if (entry == nullptr)
		return special != nullptr && special->lookup != nullptr ? special->lookup(dir, name, out) : ENOENT;
	*out = text_node_create(dir->table, entry, dir);
	return *out != nullptr ? OK : ENOMEM;
}

static err_t
text_lookup(struct inode *inode, struct dentry *dentry)
{
	u8 name[NAME_MAX + 1] = {};
	struct text_node *node = nullptr;
	struct inode *found = nullptr;
	size_t len = dentry_name(dentry, BYTES_OF(name));
	err_t err = node_lookup(text_node_of(inode), cbytes_sub(CBYTES_OF(name), 0, MIN(len, (size_t)NAME_MAX)), &node);
	if (err == ENOENT && text_node_of(inode)->table->free_names) {
		dentry->ops = &text_dentry_ops;
		return OK;
	}
	TRY(err);
	bool may_go = node->table->valid != nullptr;
	TRY(text_inode_create(inode->sb, node, &found));
	if (may_go) {
		dentry->ops = &text_dentry_ops;
		(void)atomic32_or(&dentry->flags, DENTRY_REVALIDATE);
	}
	dentry_fill(dentry, found);
	return OK;
}

/** Position 2 + i is entry i; those behind TABLE_END are `next`'s. */
enum : u64 { TABLE_END = 1 << 16 };

static bool
table_list(struct text_node *dir, struct file *file, struct dir_sink *scoped sink)
{
	const struct text_entry *entry = nullptr;
	for (u64 i = file->position - 2; (entry = dir->table->at((u32)i)) != nullptr; i++) {
		bool in_dir = false;
		u32 start = name_start(dir->entry, entry, &in_dir);
		struct cbytes name = cbytes_sub(CBYTES_OF(entry->path), start, path_len(entry) - start);
		if (in_dir && !dir_emit(sink, name, node_ino(entry, dir->id, dir->number), (u8)(entry->mode >> 12), 2 + i + 1))
			return false;
		file->position = 2 + i + 1;
	}
	file->position = TABLE_END;
	return true;
}

static void
special_list(struct text_node *dir, struct file *file, struct dir_sink *scoped sink)
{
	const struct text_special *special = dir->entry->special;
	if (special == nullptr || special->next == nullptr)
		return;
	for (;;) {
		u64 number = file->position - TABLE_END;
		struct text_name name = {};
		if (!special->next(dir, &number, &name))
			return;
		if (!dir_emit(sink, cbytes_sub(CBYTES_OF(name.name), 0, name.len), (number + 2) << 32 | 1, name.type, TABLE_END + number + 1))
			return;
		file->position = TABLE_END + number + 1;
	}
}

static err_t
text_readdir(struct file *file, struct dir_sink *scoped sink)
{
	struct text_node *dir = text_node_of(file->inode);
	if (!node_is_valid(dir))
		return ENOENT;
	if (!dir_emit_dots(file, sink))
		return OK;
	if (file->position >= TABLE_END || table_list(dir, file, sink))
		special_list(dir, file, sink);
	return OK;
}

static err_t
text_readlink(struct inode *inode, struct bytes target, size_t *scoped len)
{
	struct text_node *node = text_node_of(inode);
	const struct text_special *special = node->entry->special;
	REF_SCOPE(text, text);
	if (!node_is_valid(node))
		return ENOENT;
	text = text_create();
	if (text == nullptr)
		return ENOMEM;
	if (special != nullptr && special->permission != nullptr)
		TRY(special->permission(node, MAY_READ));
	if (special != nullptr && special->readlink != nullptr)
		TRY(special->readlink(node, text));
	else if (node->entry->show != nullptr)
		TRY(node->entry->show(text, node));
	*len = text->len;
	bytes_copy(target, bytes_const(bytes_sub(byte_array_bytes(text->buffer), 0, MIN(text->len, bytes_len(target)))));
	return text->failed ? ENOMEM : OK;
}

static err_t
text_follow(struct inode *inode, struct path *scoped out)
{
	struct text_node *node = text_node_of(inode);
	const struct text_special *special = node->entry->special;
	if (!node_is_valid(node))
		return ENOENT;
	if (special->permission != nullptr)
		TRY(special->permission(node, MAY_READ));
	return special->follow(node, out);
}

/** By the mode's three digits, as for any file. */
static err_t
mode_permission(u32 mode, u32 uid, u32 gid, u32 mask)
{
	const struct cred *cred = cred_current();
	u32 granted = cred->fsuid == uid ? mode >> 6 : cred_in_group(cred, gid) ? mode >> 3 : mode;
	bool directory = S_ISDIR_MODE(mode);
	if ((mask & ~granted & 7) == 0)
		return OK;
	if (((mask & MAY_WRITE) == 0 && (mask & MAY_EXEC) == 0 && capable(CAP_DAC_READ_SEARCH)) || (directory && (mask & MAY_WRITE) == 0 && capable(CAP_DAC_READ_SEARCH)))
		return OK;
	return (directory || (mask & MAY_EXEC) == 0 || (mode & 0111) != 0) && capable(CAP_DAC_OVERRIDE) ? OK : EACCES;
}

static err_t
text_permission(struct inode *inode, u32 mask)
{
	struct text_node *node = text_node_of(inode);
	const struct text_special *special = node->entry->special;
	u32 uid = 0, gid = 0;
	if (!node_is_valid(node))
		return ESRCH;
	if (node->table->owner != nullptr)
		node->table->owner(node, &uid, &gid);
	if ((mask & MAY_WRITE) != 0 && node->entry->show != nullptr && node->entry->store == nullptr)
		return EACCES;
	if (node->table->permission != nullptr)
		TRY(node->table->permission(node, mask));
	if (special != nullptr && special->permission != nullptr)
		return special->permission(node, mask);
	return mode_permission(POINTER_LOAD(inode->mode), uid, gid, mask);
}

static void
text_getattr(struct inode *inode, struct inode_attr *scoped attr)
{
	struct text_node *node = text_node_of(inode);
	if (node->table->owner != nullptr)
		node->table->owner(node, &attr->uid, &attr->gid);
	attr->size = 0;
	attr->blocks = 0;
	attr->blksize = 1024;
}

/** open(2) with O_TRUNC of a file that takes what is written. All else stays as the table has it. */
static err_t
text_setattr(struct inode *inode, const struct attr_change *scoped change)
{
	struct text_node *node = text_node_of(inode);
	bool writes = node->entry->store != nullptr || (node->entry->special != nullptr && node->entry->special->file_ops != nullptr);
	return (change->valid & ~(ATTR_SIZE | ATTR_MTIME | ATTR_CTIME | ATTR_KILL_SUID)) == 0 && writes ? OK : EPERM;
}

static void
text_evict(struct inode *inode)
{
	struct text_node *node = text_node_of(inode);
	inode->private = nullptr;
	text_node_put(node);
}

const struct inode_ops text_inode_ops = {
	.lookup = text_lookup, .readlink = text_readlink, .permission = text_permission, .getattr = text_getattr,
	.setattr = text_setattr, .open = text_open, .evict = text_evict,
};
const struct inode_ops text_link_ops = {
	.readlink = text_readlink, .follow = text_follow, .permission = text_permission, .getattr = text_getattr, .setattr = text_setattr,
	.evict = text_evict,
};
const struct file_ops text_dir_ops = { .readdir = text_readdir };

err_t
text_mount(const struct fs_type *type, const struct superblock_ops *ops, u32 magic, const struct text_table *table, struct superblock **scoped out)
{
	struct superblock *sb = nullptr;
	struct inode *inode = nullptr;
	struct text_node *node = text_node_alloc();
	if (node == nullptr)
		return ENOMEM;
	node->table = table;
	node->entry = table->at(0);
	err_t err = superblock_create(type, ops, magic, &sb);
	if (err != OK) {
		text_node_put(node);
		return err;
	}
	err = text_inode_create(sb, node, &inode);
	if (err == OK) {
		inode->ino = 1;
		err = superblock_set_root(sb, inode);
	}
	if (err != OK) {
		superblock_put(sb);
		return err;
	}
	*out = sb;
	return OK;
}
