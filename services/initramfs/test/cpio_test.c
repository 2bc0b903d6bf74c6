// SPDX-License-Identifier: MPL-2.0
// Archives, good and spoilt: what they say stands in the tree, or they are refused; none leads out of it, and none is believed a length.
#include <program.h>

#include <cpio.h>
#include <fs_impl.h>
#include <syscall_handlers.h>

enum : u32 { ARCHIVE = 16384, SPOILT = 600 };

static u8 archive[ARCHIVE];
static u32 archive_len;
static u64 seed;

static void
archive_read(size_t off, struct bytes to)
{
	if (range_exceeds(off, to.len, archive_len))
		test_fail(__FILE__, __LINE__, "a read beyond the archive", off, archive_len);
	else
		for (size_t i = 0; i < to.len; i++)
			to.ptr[i] = archive[off + i];
}

static void add(const void *bytes, u32 n) { for (u32 i = 0; i < n; i++) archive[archive_len++] = ((const u8 *)bytes)[i]; }
static void pad(void) { while (archive_len % 4 != 0) archive[archive_len++] = 0; }

static u32
text_len(const char *text)
{
	u32 n = 0;
	while (text[n] != 0)
		n++;
	return n;
}

static void
add_hex(u32 value)
{
	for (i32 shift = 28; shift >= 0; shift -= 4) {
		u8 digit = (u8)("0123456789abcdef"[value >> shift & 15]);
		add(&digit, 1);
	}
}

/** One entry of the "newc" format: cpio(5). */
static void
entry(const char *name, u32 mode, u32 inode, u32 links, const char *data)
{
	u32 fields[13] = { inode, mode, 0, 0, links, 1000, text_len(data), 0, 0, 0, 0, text_len(name) + 1, 0 };
	add("070701", 6);
	for (u32 i = 0; i < COUNTOF(fields); i++)
		add_hex(fields[i]);
	add(name, text_len(name) + 1);
	pad();
	add(data, text_len(data));
	pad();
}

static void
archive_make(void)
{
	archive_len = 0;
	entry("cpio", 040755, 1, 2, "");
	entry("cpio/file", 0100644, 2, 1, "some text that is more than a word");
	entry("cpio/one", 0100600, 3, 2, "");
	entry("cpio/two", 0100600, 3, 2, "shared");
	entry("./cpio/link", 0120777, 4, 1, "file");
	entry("cpio/empty", 0100600, 5, 1, "");
	entry("TRAILER!!!", 0, 0, 1, "");
}

static err_t
unpack(struct cpio_count *count)
{
	struct stream *stream = nullptr;
	err_t err = stream_open(archive_read, 0, archive_len, &stream);
	if (err != OK)
		return err;
	err = cpio_unpack(stream, count);
	stream_put(stream);
	return err;
}

static void
remove_all(void)
{
	static const char *const names[] = { "/cpio/file", "/cpio/one", "/cpio/two", "/cpio/link", "/cpio/empty" };
	for (u32 i = 0; i < COUNTOF(names); i++)
		if (sys_unlink(program_text(0, names[i])) != OK)
			(void)!sys_rmdir(program_at(0));
	(void)!sys_rmdir(program_text(0, "/cpio"));
}

PROGRAM_TEST(an_archive_becomes_a_tree)
{
	struct cpio_count count = {};
	char text[8] = {};
	u64 fd = 0, moved = 0;
	archive_make();
	EXPECT_EQ(unpack(&count), OK);
	EXPECT_EQ(count.entries, 6);
	EXPECT_EQ(sys_open(program_text(0, "/cpio/one"), 0, 0, &fd), OK);
	EXPECT_EQ(sys_read((i32)fd, program_at(256), 8, &moved), OK);
	EXPECT_EQ(moved, 6);
	program_get(256, text, 6);
	EXPECT(text[0] == 's' && text[5] == 'd');
	EXPECT_EQ(sys_close((i32)fd), OK);
	EXPECT_EQ(sys_readlink(program_text(0, "/cpio/link"), program_at(256), 100, &moved), OK);
	EXPECT_EQ(moved, 4);
	remove_all();
	EXPECT_EQ(sys_rmdir(program_text(0, "/cpio")), ENOENT);
}

/** Any byte may change, any length may lie, the end may come anywhere: an error or some tree, no trap. Names lie where they did. */
PROGRAM_TEST(spoilt_archives_are_borne)
{
	static const char digits[] = "0123456789abcdefFFFFFFFF";
	u32 refused = 0;
	seed = 13;
	for (u32 i = 0; i < SPOILT; i++) {
		struct cpio_count count = {};
		archive_make();
		u32 full = archive_len;
		for (u32 n = 1 + program_random(&seed, 3); n != 0; n--) {
			u32 start = 0;
			for (u32 skip = program_random(&seed, 6), at = 0; at + 6 < full; at++)
				if (archive[at] == '0' && archive[at + 1] == '7' && archive[at + 4] == '0' && archive[at + 5] == '1' && skip-- != 0)
					start = at;
			/* The header's numbers are what lies: modes, counts, lengths; never the owner of a name. */
			u32 at = program_random(&seed, 96);
			at += at >= 88 ? 8 : 0;   /* not a name's length, which would make other names */
			archive[start + 6 + at] = (u8)digits[program_random(&seed, sizeof(digits) - 1)];
		}
		if (i % 5 == 4)
			archive_len = program_random(&seed, full);
		refused += unpack(&count) != OK;
		remove_all();
	}
	EXPECT(refused > SPOILT / 4);
}
