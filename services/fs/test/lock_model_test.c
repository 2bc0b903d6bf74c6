// SPDX-License-Identifier: MPL-2.0
// Locks of byte ranges: two open files of one process, beside a model that has an owner for each byte.
#include <program.h>

#include <syscall_handlers.h>

enum : u32 { BYTES = 60, STEPS = 6000, GETLK = 36, SETLK = 37, READ_LOCK = 0, WRITE_LOCK = 1, UNLOCK = 2, OWNERS = 3 };

/** struct flock of fcntl(2). */
struct range { i16 type, whence; u32 pad; i64 start, len; i32 pid; u32 pad2; };

static u8 held[OWNERS][BYTES];   /* 0: nothing, 1: read, 2: write */
static i32 files[OWNERS];
static u64 seed;

static u32 draw(u32 below) { return program_random(&seed, below); }

static bool
conflicts(u32 owner, u32 at, bool write)
{
	for (u32 other = 0; other < OWNERS; other++)
		if (other != owner && (held[other][at] == 2 || (write && held[other][at] != 0)))
			return true;
	return false;
}

static bool
any_conflict(u32 owner, u32 start, u32 n, bool write)
{
	for (u32 i = start; i < start + n; i++)
		if (conflicts(owner, i, write))
			return true;
	return false;
}

static void
step_set(void)
{
	u32 owner = draw(OWNERS), start = draw(BYTES), n = 1 + draw(BYTES - start), type = draw(3);
	struct range range = { .type = (i16)type, .start = start, .len = n };
	u64 result = 0;
	if (draw(8) == 0)   /* a length below 0: what lies before */
		range.start = start + n, range.len = -(i64)n;
	err_t err = sys_fcntl(files[owner], SETLK, program_put(0, &range, sizeof(range)).raw, &result);
	bool refused = type != UNLOCK && any_conflict(owner, start, n, type == WRITE_LOCK);
	EXPECT_EQ(err, refused ? EAGAIN : OK);
	for (u32 i = start; i < start + n && err == OK; i++)
		held[owner][i] = type == UNLOCK ? 0 : type == READ_LOCK ? 1 : 2;
}

static void
step_get(void)
{
	u32 owner = draw(OWNERS), start = draw(BYTES), n = 1 + draw(BYTES - start), type = draw(2);
	struct range range = { .type = (i16)type, .start = start, .len = n };
	u64 result = 0;
	EXPECT_EQ(sys_fcntl(files[owner], GETLK, program_put(0, &range, sizeof(range)).raw, &result), OK);
	program_get(0, &range, sizeof(range));
	bool free = !any_conflict(owner, start, n, type == WRITE_LOCK);
	EXPECT_EQ(range.type == UNLOCK, free);
	if (free || range.type == UNLOCK)
		return;
	/* What it names is somebody's, all of it, and stands in the way. */
	EXPECT(range.start < start + n && range.start + range.len > start && range.pid == -1);
	bool found = false;
	for (u32 other = 0; other < OWNERS; other++) {
		bool whole = other != owner;
		for (i64 i = range.start; whole && i < range.start + range.len; i++)
			whole = i < BYTES && held[other][i] == (range.type == WRITE_LOCK ? 2 : 1);
		found = found || whole;
	}
	EXPECT(found);
}

PROGRAM_TEST(locks_of_ranges_are_those_of_the_model)
{
	for (u64 with = 1; with <= 4; with++) {
		seed = with;
		for (u32 i = 0; i < OWNERS; i++) {
			u64 fd = 0;
			for (u32 j = 0; j < BYTES; j++)
				held[i][j] = 0;
			EXPECT_EQ(sys_open(program_text(0, "/tmp/locked"), 0102, 0600, &fd), OK);
			files[i] = (i32)fd;
		}
		for (u32 i = 0; i < STEPS; i++)
			if (draw(3) == 0)
				step_get();
			else
				step_set();
		for (u32 i = 0; i < OWNERS; i++)
			EXPECT_EQ(sys_close(files[i]), OK);
	}
	EXPECT_EQ(sys_unlink(program_text(0, "/tmp/locked")), OK);
}
