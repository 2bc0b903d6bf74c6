// SPDX-License-Identifier: MPL-2.0
/**
 * A process' memory as files: its arguments, environment and auxiliary vector, and mem itself. Source: proc_pid_mem(5) …
 */
#include "proc_impl.h"

enum : u64 { PIECE = 4096, ARGUMENTS_MAX = (u64)6 << 20 };

/** Appends [from, to) of the map, as much of it as can be read. */
static void
memory_put(struct text *text, struct vm_map *map, u64 from, u64 to)
{
	to = MIN(to, from + ARGUMENTS_MAX);
	while (from < to && !text->failed) {
		size_t n = MIN(to - from, PIECE), done = 0;
		struct bytes room = bytes_from(byte_array_bytes(text_room_of(text, n)), text->len);
		if (text->failed)
			return;
		err_t err = vm_map_read(map, UADDR(from), bytes_sub(room, 0, n), &done);
		text_add(text, done);
		from += done;
		if (err != OK || done == 0)
			return;
	}
}

/** The thread's map with its layout. A map that is being filled has none yet: then the files are empty. */
static err_t
map_find(struct text_node *node, struct vm_map **scoped map, struct vm_layout *scoped layout)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	*map = proc_map(thread);
	if (*map != nullptr)
		*layout = vm_map_layout(*map);
	return OK;
}

/** setproctitle(3) writes beyond the arguments: where these no longer end in NUL, the title goes on to the first NUL. */
static bool
title_is_set(struct vm_map *map, const struct vm_layout *scoped layout)
{
	u8 last = 0;
	size_t done = 0;
	return layout->env_start == layout->arg_end && vm_map_read(map, UADDR(layout->arg_end - 1), BYTES_OF(last), &done) == OK && last != 0;
}

err_t
show_cmdline(struct text *text, struct text_node *node)
{
	REF_SCOPE(vm_map, map);
	struct vm_layout layout = {};
	TRY(map_find(node, &map, &layout));
	if (map == nullptr || layout.arg_start >= layout.arg_end)
		return OK;
	if (!title_is_set(map, &layout)) {
		memory_put(text, map, layout.arg_start, layout.arg_end);
		return OK;
	}
	memory_put(text, map, layout.arg_start, layout.env_end);
	for (u64 at = layout.arg_end - layout.arg_start; at < text->len; at++) {
		if (bytes_get(byte_array_bytes(text->buffer), at) == 0)
			text->len = at + 1;
	}
	return OK;
}

err_t
show_environ(struct text *text, struct text_node *node)
{
	REF_SCOPE(vm_map, map);
	struct vm_layout layout = {};
	TRY(map_find(node, &map, &layout));
	if (map != nullptr && layout.env_start < layout.env_end)
		memory_put(text, map, layout.env_start, layout.env_end);
	return OK;
}

err_t
show_auxv(struct text *text, struct text_node *node)
{
	REF_SCOPE(vm_map, map);
	struct vm_layout layout = {};
	TRY(map_find(node, &map, &layout));
	u64 len = MIN((u64)layout.auxv_len * sizeof(layout.auxv[0]), sizeof(layout.auxv));
	if (map != nullptr)
		text_put_bytes(text, cbytes_sub(CBYTES_OF(layout.auxv), 0, len));
	return OK;
}

/* --- mem --- */

/** Keeps the map that the process had when it was opened. */
struct mem_open { struct vm_map *map; };    /* counted; null: it had none */
OBJECT_DECLARE(mem_open);

static void
mem_open_release(struct mem_open *open)
{
	if (open->map != nullptr)
		vm_map_put(open->map);
}
OBJECT_DEFINE_RELEASE(mem_open);

static err_t
mem_opened(struct text_node *node, struct file *file)
{
	struct vm_layout layout = {};
	REF_SCOPE(mem_open, open);
	open = mem_open_alloc();
	if (open == nullptr)
		return ENOMEM;
	TRY(map_find(node, &open->map, &layout));
	file->private = mem_open_object(open);
	open = nullptr;
	return OK;
}

/** A part of one page, to the reader. */
static err_t
part_read(struct vm_map *map, u64 off, struct bytes part, struct uio *scoped uio)
{
	size_t done = 0;
	return vm_map_read(map, UADDR(off), part, &done) == OK ? uio_put(uio, bytes_const(part)) : EIO;
}

/** From the writer; what was taken and then written nowhere does not count. */
static err_t
part_write(struct vm_map *map, u64 off, struct bytes part, struct uio *scoped uio)
{
	u64 left = uio->left;
	size_t done = 0;
	err_t err = uio_take(uio, part);
	if (err == OK && vm_map_write(map, UADDR(off), bytes_const(part), &done) != OK)
		err = EIO;
	uio->left = left - done;
	return err;
}

static err_t
mem_move(struct file *file, struct uio *scoped uio, u64 off, bool write)
{
	REF_SCOPE(byte_array, piece);
	struct vm_map *map = mem_open_from(file->private)->map;
	piece = byte_array_alloc(PIECE);
	if (piece == nullptr)
		return ENOMEM;
	while (map != nullptr && uio->left > 0) {
		size_t n = MIN(uio->left, PIECE - (off & (PIECE - 1)));
		struct bytes part = bytes_sub(byte_array_bytes(piece), 0, n);
		TRY(write ? part_write(map, off, part, uio) : part_read(map, off, part, uio));
		off += n;
	}
	return OK;
}

static err_t
mem_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)flags;
	return mem_move(file, uio, off, false);
}

static err_t
mem_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)flags;
	return mem_move(file, uio, off, true);
}

static void
mem_release(struct file *file)
{
	mem_open_put(mem_open_from(file->private));
}

static const struct file_ops mem_ops = { .read = mem_read, .write = mem_write, .release = mem_release };

static err_t
mem_permission(struct text_node *node, u32 mask)
{
	return access_special.permission(node, mask);
}
const struct text_special mem_special = { .permission = mem_permission, .file_ops = &mem_ops, .open = mem_opened };
