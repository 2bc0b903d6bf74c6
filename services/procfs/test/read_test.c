// SPDX-License-Identifier: MPL-2.0
// Every file of /proc and /sys, read whole and in pieces of every length: no trap, no hang, and pieces that fit together where the text stands still.
#include <program.h>

#include <syscall_handlers.h>

enum : u32 { PATH_TEXT = 200, ENTRIES_ROOM = 8192, TEXT_ROOM = 65536, DEEPEST = 5, DIRECTORY = 4, REGULAR = 8 };
enum : u64 { AT_PATH = 0, AT_ENTRIES = 4096, AT_TEXT = 65536 };

static u32 files;   /* [self] of the test's thread */
static u8 whole[TEXT_ROOM], pieces[TEXT_ROOM];

/** Reads up to the room's end in pieces of `step`; => the length, or ~0 for what cannot be read now. */
static u32
read_by(const char *path, u32 step, u8 *to)
{
	u64 fd = 0, moved = 1;
	u32 len = 0;
	if (sys_open(program_text(AT_PATH, path), 04000 /* O_NONBLOCK */, 0, &fd) != OK)
		return ~0u;
	while (moved != 0 && len + step <= TEXT_ROOM) {
		err_t err = sys_read((i32)fd, program_at(AT_TEXT), step, &moved);
		if (err != OK)
			break;
		EXPECT(moved <= step);
		program_get(AT_TEXT, to + len, moved);
		len += (u32)moved;
	}
	EXPECT_EQ(sys_close((i32)fd), OK);
	return len;
}

static bool
same(u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (whole[i] != pieces[i])
			return false;
	return true;
}

/** A text that is the same twice running is the same in pieces, too. */
static void
file_check(const char *path)
{
	static const u32 steps[] = { 1, 7, 64, 1000, 4095, 4097 };
	files++;
	for (u32 i = 0; i < COUNTOF(steps); i++) {
		u32 first = read_by(path, TEXT_ROOM, whole);
		if (first == ~0u || first == 0 || (steps[i] == 1 && first > 6000))
			continue;
		u32 len = read_by(path, steps[i], pieces), again;
		if (len == first && same(len))
			continue;
		again = read_by(path, TEXT_ROOM, pieces);
		bool stands = again == first && same(first);
		len = stands ? read_by(path, steps[i], pieces) : len;
		if (stands && !(len == first && same(len)) && read_by(path, TEXT_ROOM, pieces) == first && same(first))
			log_error("{}: {} bytes at once, {} by {}", ((struct cbytes){ (const u8 *)path, 60 }), first, len, steps[i]);
		EXPECT(!stands || (len == first) || read_by(path, TEXT_ROOM, pieces) != first);
	}
}

static bool
skipped_name(const u8 *name)
{
	/* Each process again; the log, which waits; and what is no text. */
	static const char *const names[] = { ".", "..", "kmsg", "kcore", "pagemap", "mem", "task", "thread-self" };
	for (u32 i = 0; i < COUNTOF(names); i++) {
		u32 at = 0;
		while (names[i][at] != 0 && (u8)names[i][at] == name[at])
			at++;
		if (names[i][at] == 0 && name[at] == 0)
			return true;
	}
	return name[0] >= '1' && name[0] <= '9';
}

static void
directory_check(char *path, u32 len, u32 depth)
{
	u8 entries[1024];
	u64 fd = 0, n = 1;
	if (sys_open(program_text(AT_PATH, path), 0200000, 0, &fd) != OK)
		return;
	while (sys_getdents64((i32)fd, program_at(AT_ENTRIES), sizeof(entries), &n) == OK && n != 0) {
		program_get(AT_ENTRIES, entries, n);
		for (u64 at = 0; at < n; at += (u64)entries[at + 16] | (u64)entries[at + 17] << 8) {
			u32 end = len + 1;
			if (skipped_name(&entries[at + 19]))
				continue;
			path[len] = '/';
			for (u32 i = 0; entries[at + 19 + i] != 0 && end + 1 < PATH_TEXT; i++)
				path[end++] = (char)entries[at + 19 + i];
			path[end] = 0;
			if (entries[at + 18] == DIRECTORY && depth < DEEPEST)
				directory_check(path, end, depth + 1);
			else if (entries[at + 18] == REGULAR)
				file_check(path);
		}
	}
	EXPECT_EQ(sys_close((i32)fd), OK);
}

PROGRAM_TEST(files_of_proc_and_sys_are_the_same_in_pieces)
{
	static char path[PATH_TEXT];
	static const char *const roots[] = { "/proc", "/proc/self", "/sys" };
	for (u32 i = 0; i < COUNTOF(roots); i++) {
		u32 len = 0;
		for (; roots[i][len] != 0; len++)
			path[len] = roots[i][len];
		path[len] = 0;
		files = 0;
		directory_check(path, len, 0);
		EXPECT(files > 20);
	}
}
