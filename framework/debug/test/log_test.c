// SPDX-License-Identifier: MPL-2.0
// The log: lines in the ring, positions, overwriting, what texts cannot do, the console's level.
#include <arch/string.h>
#include <cadre/task.h>
#include <debug/debug_impl.h>
#include <test.h>

static u8 text[4096];

/** Position of the log's present end. */
static u64
log_end(void)
{
	u64 pos = ~(u64)0;
	EXPECT_EQ(log_read(&pos, (struct bytes){ text, sizeof(text) }), 0);
	return pos;
}

static bool
ends_with(size_t len, struct cbytes end)
{
	return len >= end.len && memcmp(text + len - end.len, end.ptr, end.len) == 0;
}

/** Runs `body` with nothing below errors on the console. */
#define QUIETLY(...) do { log_console_level(LOG_ERROR); __VA_ARGS__; log_console_level(LOG_INFO); } while (0)

TEST(a_line_has_level_time_and_cpu)
{
	u64 pos = log_end();
	size_t len;

	QUIETLY(log_debug("the {} line", 1));
	len = log_read(&pos, (struct bytes){ text, sizeof(text) });
	EXPECT(len > 24 && memcmp(text, "<7>[", 4) == 0);
	EXPECT(text[9] == '.' && text[16] == ']');
	EXPECT(memcmp(text + 17, " cpu", 4) == 0);
	EXPECT(ends_with(len, TEXT(": the 1 line\n")));
	EXPECT_EQ(log_read(&pos, (struct bytes){ text, sizeof(text) }), 0);
}

TEST(a_text_cannot_forge_a_line)
{
	u64 pos = log_end();
	size_t len;

	QUIETLY(log_debug("{}", TEXT("a\n<0>[    0.000000] cpu0: b\x1b[2J\x7f")));
	len = log_read(&pos, (struct bytes){ text, sizeof(text) });
	EXPECT(ends_with(len, TEXT(": a <0>[    0.000000] cpu0: b [2J \n")));
}

TEST(a_long_line_is_cut_and_still_a_line)
{
	static u8 longest[2000];
	u64 pos = log_end();
	size_t len;

	memset(longest, 'x', sizeof(longest));
	QUIETLY(log_debug("{}{}", ((struct cbytes){ longest, sizeof(longest) }), 5));
	len = log_read(&pos, (struct bytes){ text, sizeof(text) });
	EXPECT_EQ(len, 384);
	EXPECT(text[len - 1] == '\n' && text[len - 2] == 'x');
}

TEST(a_read_in_pieces_gives_the_same_text)
{
	u64 pos = log_end(), from = pos;
	u8 piece[7];
	size_t whole, len, at = 0;

	QUIETLY(log_debug("one"), log_debug("two"));
	whole = log_read(&pos, (struct bytes){ text, sizeof(text) });
	while ((len = log_read(&from, (struct bytes){ piece, sizeof(piece) })) != 0) {
		EXPECT(memcmp(text + at, piece, len) == 0);
		at += len;
	}
	EXPECT_EQ(at, whole);
	EXPECT_EQ(from, pos);
}

TEST(an_overwritten_position_moves_to_the_oldest_line)
{
	u64 pos = log_end(), zero = 0, end;
	u8 first;

	QUIETLY(for (u32 i = 0; i < 3000; i++) log_debug("filling line {}", i));
	end = log_end();
	EXPECT(end - pos > 64 * 1024);
	EXPECT_EQ(log_read(&pos, (struct bytes){ &first, 1 }), 1);
	EXPECT_EQ(first, '<');
	EXPECT(end - pos < 64 * 1024 && end - pos > 63 * 1024);
	EXPECT_EQ(log_read(&zero, (struct bytes){ &first, 1 }), 1);
	EXPECT_EQ(zero, pos);
}

TEST(a_read_into_nothing_moves_nothing)
{
	u64 pos = 0, again;

	EXPECT_EQ(log_read(&pos, (struct bytes){ nullptr, 0 }), 0);
	again = pos;
	EXPECT_EQ(log_read(&pos, (struct bytes){ nullptr, 0 }), 0);
	EXPECT_EQ(pos, again);
}

TEST(a_cpu_inside_the_log_never_waits_for_itself)
{
	u64 pos = log_end(), flags, inner;

	log_console_level(LOG_ERROR);
	EXPECT(log_enter(&flags));
	EXPECT(!log_enter(&inner));
	log_debug("as from an NMI: lost");
	console_write(TEXT("\r"));
	EXPECT_EQ(log_read(&pos, (struct bytes){ text, sizeof(text) }), 0);
	log_leave(flags);
	log_debug("kept");
	log_console_level(LOG_INFO);
	EXPECT(ends_with(log_read(&pos, (struct bytes){ text, sizeof(text) }), TEXT(": kept\n")));
}

static u32 writers_done;   /* [atomic] */

static void
writer(struct object *unused)
{
	(void)unused;
	for (u32 i = 0; i < 200; i++)
		log_debug("writer {} says {x} and {x}", task_id(task_current()), 0x12345678, 0x9abcdef0);
	__atomic_fetch_add(&writers_done, 1, __ATOMIC_RELEASE);
}

/** Counts the lines from pos on that are one of writer's, whole; other lines are let pass. */
static u32
whole_lines(u64 pos)
{
	static u8 all[64 * 1024];
	static const u8 end[] = " says 0x12345678 and 0x9abcdef0";
	size_t len = log_read(&pos, (struct bytes){ all, sizeof(all) }), start = 0;
	u32 n = 0;

	for (size_t i = 0; i < len; i++) {
		if (all[i] != '\n')
			continue;
		EXPECT(all[start] == '<');
		n += i - start > sizeof(end) && memcmp(all + i - (sizeof(end) - 1), end, sizeof(end) - 1) == 0;
		start = i + 1;
	}
	return n;
}

TEST(lines_of_several_tasks_do_not_mix)
{
	struct task *tasks[4] = {};
	u64 pos = log_end();

	log_console_level(LOG_ERROR);
	for (u32 i = 0; i < COUNTOF(tasks); i++)
		EXPECT(task_create(writer, nullptr, TEXT("writer"), &tasks[i]) == OK && task_start(tasks[i]) == OK);
	for (u32 i = 0; i < COUNTOF(tasks); i++) {
		EXPECT_EQ(task_join(tasks[i], TIME_NEVER), OK);
		task_put(tasks[i]);
	}
	log_console_level(LOG_INFO);
	EXPECT_EQ(writers_done, 4);
	EXPECT_EQ(whole_lines(pos), 800);
}

TEST(the_console_takes_texts_of_any_length)
{
	static u8 blanks[600];

	memset(blanks, '\r', sizeof(blanks));
	console_write((struct cbytes){ blanks, sizeof(blanks) });
	console_write((struct cbytes){});
}
