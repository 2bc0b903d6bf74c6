// SPDX-License-Identifier: MPL-2.0
/**
 * Links into a process: its descriptors, what it executes, where it stands; and its namespaces, of which there is one each.
 *
 * Source: proc_pid_fd(5), proc_pid_fdinfo(5), proc_pid_ns(5).
 */
#include "proc_impl.h"

/** The table of the thread, to look at; fd_table_unref it. => ESRCH, ENOENT where it has none */
static err_t
files_find(const struct text_node *node, struct fd_table **scoped out)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	SPIN_SCOPE(&thread->lock);
	*out = thread->files;
	if (thread->files == nullptr)
		return ENOENT;
	fd_table_ref(thread->files);
	return OK;
}

/** The file behind a node's number, with a reference, and whether it closes on exec. => ENOENT */
static err_t
node_file(const struct text_node *node, struct file **scoped out, bool *scoped cloexec)
{
	struct fd_table *files = nullptr;
	TRY(files_find(node, &files));
	*out = fd_table_file(files, (u32)node->number);
	*cloexec = fd_table_cloexec(files, (u32)node->number);
	fd_table_unref(files);
	return *out != nullptr ? OK : ENOENT;
}

static err_t
fd_permission_of(struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	return proc_may_access(thread);
}

static err_t
fd_permission(struct text_node *node, u32 mask)
{
	(void)mask;
	return fd_permission_of(node);
}

/* --- fd/N --- */

static err_t
fd_readlink(struct text_node *node, struct text *text)
{
	REF_SCOPE(file, file);
	bool cloexec = false;
	size_t len = 0;
	TRY(node_file(node, &file, &cloexec));
	struct bytes room = bytes_from(byte_array_bytes(text_room_of(text, PATH_MAX)), text->len);
	TRY(file_text(file, room, &len));
	text_add(text, len);
	return OK;
}

static err_t
fd_follow(struct text_node *node, struct path *scoped out)
{
	REF_SCOPE(file, file);
	bool cloexec = false;
	TRY(node_file(node, &file, &cloexec));
	return file_path(file, out);
}

/** A link's mode says whether the file can be read and written. */
static u32
fd_mode(struct text_node *node)
{
	REF_SCOPE(file, file);
	bool cloexec = false;
	if (node_file(node, &file, &cloexec) != OK)
		return S_IFLNK;
	return S_IFLNK | ((file->mode & FILE_READ) != 0 ? 0500 : 0) | ((file->mode & FILE_WRITE) != 0 ? 0300 : 0);
}

static const struct text_special fd_link_special = { .readlink = fd_readlink, .follow = fd_follow, .permission = fd_permission, .mode = fd_mode };
static const struct text_entry fd_link = { .path = "fd/N", .mode = S_IFLNK | 0700, .special = &fd_link_special };

/* --- fdinfo/N --- */

static err_t
show_fdinfo(struct text *text, struct text_node *node)
{
	REF_SCOPE(file, file);
	bool cloexec = false;
	struct inode_attr attr = {};
	struct fd_table *files = nullptr;
	TRY(node_file(node, &file, &cloexec));
	TRY(files_find(node, &files));
	struct inode *inode = file_inode(file);
	if (inode != nullptr)
		inode_attr(inode, &attr);
	text_print(text, "pos:\t{}\nflags:\t0", file->position);
	text_put_octal(text, atomic32_load_relaxed(&file->flags) | (cloexec ? O_CLOEXEC : 0));
	text_print(text, "\nmnt_id:\t{}\nino:\t{}\n", file_mount_id(file), attr.ino);
	put_fd_locks(text, file, files);
	fd_table_unref(files);
	if (file->ops->describe != nullptr)
		text_add(text, file->ops->describe(file, bytes_from(byte_array_bytes(text_room_of(text, 65536)), text->len)));
	return OK;
}
static const struct text_special fdinfo_file_special = { .permission = fd_permission };
static const struct text_entry fdinfo_file = { .path = "fdinfo/N", .mode = S_IFREG | 0444, .show = show_fdinfo, .special = &fdinfo_file_special };

/* --- their directories --- */

static err_t
numbers_lookup(struct text_node *dir, struct cbytes name, const struct text_entry *entry, struct text_node **scoped out)
{
	REF_SCOPE(file, file);
	REF_SCOPE(text_node, node);
	u64 fd = 0;
	bool cloexec = false;
	if (!text_name_parse(name, &fd) || fd > 0x7fffffff)
		return ENOENT;
	const struct text_table *table = dir->table == &process_table ? &process_fd_table : &thread_fd_table;
	node = text_node_create(table, entry, dir);
	if (node == nullptr)
		return ENOMEM;
	node->number = fd;
	TRY(node_file(node, &file, &cloexec));
	*out = node;
	node = nullptr;
	return OK;
}

static err_t
fd_lookup(struct text_node *dir, struct cbytes name, struct text_node **scoped out)
{
	return numbers_lookup(dir, name, &fd_link, out);
}

static err_t
fdinfo_lookup(struct text_node *dir, struct cbytes name, struct text_node **scoped out)
{
	return numbers_lookup(dir, name, &fdinfo_file, out);
}

static bool
numbers_next(struct text_node *dir, u64 *scoped number, struct text_name *scoped out, u8 type)
{
	struct fd_table *files = nullptr;
	u32 fd = (u32)*number;
	if (*number > 0x7fffffff || files_find(dir, &files) != OK)
		return false;
	bool found = fd_table_next(files, &fd);
	fd_table_unref(files);
	*number = fd;
	if (found)
		text_name_number(out, fd, type);
	return found;
}

static bool
fd_next(struct text_node *dir, u64 *scoped number, struct text_name *scoped out)
{
	return numbers_next(dir, number, out, DT_LNK);
}

static bool
fdinfo_next(struct text_node *dir, u64 *scoped number, struct text_name *scoped out)
{
	return numbers_next(dir, number, out, DT_REG);
}

const struct text_special fd_special = { .lookup = fd_lookup, .next = fd_next, .permission = fd_permission };
const struct text_special fdinfo_special = { .lookup = fdinfo_lookup, .next = fdinfo_next, .permission = fd_permission };

/* --- exe, cwd, root --- */

static err_t
exe_path(struct text_node *node, struct path *scoped out)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(file, exe);
	TRY(proc_find(node, &process, &thread));
	{
		SPIN_SCOPE(&process->lock);
		exe = process->exe;
		if (exe != nullptr)
			file_get(exe);
	}
	return exe != nullptr ? file_path(exe, out) : ENOENT;
}

static err_t
context_path(struct text_node *node, bool root, struct path *scoped out)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(fs_context, fs);
	TRY(proc_find(node, &process, &thread));
	{
		SPIN_SCOPE(&thread->lock);
		fs = thread->fs;
		if (fs != nullptr)
			fs_context_get(fs);
	}
	if (fs == nullptr)
		return ENOENT;
	if (root)
		fs_context_root(fs, out);
	else
		fs_context_cwd(fs, out);
	return OK;
}

static err_t cwd_path(struct text_node *node, struct path *scoped out) { return context_path(node, false, out); }
static err_t root_path(struct text_node *node, struct path *scoped out) { return context_path(node, true, out); }

/** The text of a link whose place is known. Takes over the path's references. */
static err_t
place_text(struct path *scoped place, struct text *text)
{
	size_t len = 0;
	struct bytes room = bytes_from(byte_array_bytes(text_room_of(text, PATH_MAX)), text->len);
	err_t err = path_text(place, room, &len);
	path_put(place);
	if (err == OK)
		text_add(text, len);
	return err;
}

static err_t
exe_readlink(struct text_node *node, struct text *text)
{
	struct path place = {};
	TRY(exe_path(node, &place));
	return place_text(&place, text);
}

static err_t
cwd_readlink(struct text_node *node, struct text *text)
{
	struct path place = {};
	TRY(cwd_path(node, &place));
	return place_text(&place, text);
}

static err_t
root_readlink(struct text_node *node, struct text *text)
{
	struct path place = {};
	TRY(root_path(node, &place));
	return place_text(&place, text);
}

const struct text_special exe_special = { .readlink = exe_readlink, .follow = exe_path, .permission = fd_permission };
const struct text_special cwd_special = { .readlink = cwd_readlink, .follow = cwd_path, .permission = fd_permission };
const struct text_special root_special = { .readlink = root_readlink, .follow = root_path, .permission = fd_permission };

/* --- ns: the first and only ones, by the numbers that Linux gives them --- */

static err_t
ns_readlink(struct text_node *node, struct text *text)
{
	static const struct { u8 name[8]; u64 ino; } namespaces[] = {
		{ "cgroup", 4026531835 }, { "ipc", 4026531839 }, { "mnt", 4026531841 }, { "net", 4026531840 }, { "pid", 4026531836 },
		{ "time", 4026531834 }, { "user", 4026531837 }, { "uts", 4026531838 },
	};
	text_put_string(text, CBYTES_OF(ELEM(namespaces, node->entry->arg)->name));
	text_print(text, ":[{}]", ELEM(namespaces, node->entry->arg)->ino);
	return OK;
}
const struct text_special ns_special = { .readlink = ns_readlink, .permission = fd_permission };
