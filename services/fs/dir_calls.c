// SPDX-License-Identifier: MPL-2.0
/**
 * getdents(2): listing directories.
 *
 * Source: getdents(2).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

enum : u32 { BUFFER_MAX = 32768, DIRENT64_HEAD = 19, DIRENT_HEAD = 18 };

/** Moves a number's bytes, lowest first. */
static void
put_number(struct bytes to, u64 value, u32 len)
{
	for (u32 i = 0; i < len; i++)
		bytes_set(to, i, (u8)(value >> (8 * i)));
}

/** An entry must fit in whole; the first that does not makes EINVAL. */
static bool
sink_room(struct dir_sink *scoped sink, u64 len)
{
	if (sink->limit - sink->used >= len)
		return true;
	if (sink->used == 0)
		sink->err = EINVAL;
	return false;
}

/** The words of an entry up to where its name has begun: no entry is shorter. Plain data. */
struct dirent64_head { u64 ino, next; u16 len; u8 type, name[5]; };

/** struct linux_dirent64: u64 ino, i64 off, u16 reclen, u8 type, name. The bytes behind the name are 0. */
static bool
entry64(struct dir_sink *scoped sink, struct cbytes name, u64 ino, u8 type, u64 next)
{
	u64 len = align_up(DIRENT64_HEAD + cbytes_len(name) + 1, 8);
	if (!sink_room(sink, len))
		return false;
	struct bytes to = bytes_sub(byte_array_bytes(sink->buffer), sink->used, len);
	struct dirent64_head head = { .ino = ino, .next = next, .len = (u16)len, .type = type };
	u64 last = 0;
	bytes_copy(bytes_from(to, len - sizeof(last)), CBYTES_OF(last));
	bytes_copy(to, CBYTES_OF(head));
	bytes_copy(bytes_from(to, DIRENT64_HEAD), name);
	sink->used += len;
	return true;
}

/** struct linux_dirent: ulong ino, off, u16 reclen, name, NUL, the type in the last byte. */
static bool
entry_old(struct dir_sink *scoped sink, struct cbytes name, u64 ino, u8 type, u64 next)
{
	u64 len = align_up(DIRENT_HEAD + cbytes_len(name) + 2, 8);
	if (!sink_room(sink, len))
		return false;
	struct bytes to = bytes_sub(byte_array_bytes(sink->buffer), sink->used, len);
	bytes_fill(to, 0);
	put_number(to, ino, 8);
	put_number(bytes_from(to, 8), next, 8);
	put_number(bytes_from(to, 16), len, 2);
	bytes_copy(bytes_from(to, DIRENT_HEAD), name);
	bytes_set(to, len - 1, type);
	sink->used += len;
	return true;
}

static err_t
list(struct file *file, struct dir_sink *scoped sink, uaddr_t to)
{
	u64 before = file->position;
	TRY(file_readdir(file, sink));
	if (sink->used == 0)
		return sink->err;
	err_t err = copy_out(to, cbytes_sub(bytes_const(byte_array_bytes(sink->buffer)), 0, sink->used));
	if (err != OK)
		file->position = before;
	return err;
}

static err_t
getdents(i32 fd, uaddr_t to, u32 count, struct dir_sink *scoped sink, u64 *scoped result)
{
	struct file *file = nullptr;
	REF_SCOPE(byte_array, buffer);
	TRY(fd_get(fd, &file));
	buffer = byte_array_alloc(MIN(count, (u32)BUFFER_MAX));
	sink->buffer = buffer;
	sink->limit = MIN(count, (u32)BUFFER_MAX);
	err_t err = buffer != nullptr ? list(file, sink, to) : ENOMEM;
	file_put(file);
	*result = sink->used;
	return err;
}

err_t
sys_getdents64(i32 fd, uaddr_t dirp, u32 count, u64 *scoped result)
{
	struct dir_sink sink = { .entry = entry64 };
	return getdents(fd, dirp, count, &sink, result);
}

err_t
sys_getdents(i32 fd, uaddr_t dirp, u32 count, u64 *scoped result)
{
	struct dir_sink sink = { .entry = entry_old };
	return getdents(fd, dirp, count, &sink, result);
}
