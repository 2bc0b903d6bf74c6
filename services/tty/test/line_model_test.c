// SPDX-License-Identifier: MPL-2.0
// A terminal's line beside a model: erasing, killing, ends of lines and files, quoting; and the echo, byte by byte.
#include <program.h>

#include <syscall_handlers.h>
#include <termios.h>

enum : u32 { LINES_MAX = 8192, STEPS = 6000, NONBLOCK_RDWR = 04002 | 0400 /* O_NOCTTY */ };
enum : u64 { AT_TEXT = 0, AT_BUFFER = 4096 };
enum : u8 { CTRL_D = 4, BACKSPACE = 0x7f, CTRL_U = 0x15, CTRL_V = 0x16, CTRL_W = 0x17 };

/** struct termios of the kernel. */
struct settings { u32 iflag, oflag, cflag, lflag; u8 line, cc[19]; };

static i32 master, slave;
static u64 seed;
static u8 ready[LINES_MAX];      /* whole lines, an end of file as 0 with `ends` set */
static bool ends[LINES_MAX];     /* where a read stops: behind this byte */
static u32 ready_n;
static u8 line[5000];            /* the one that is being typed */
static u32 line_n;
static bool quoted;

static u32 draw(u32 below) { return program_random(&seed, below); }

static void
terminal_open(void)
{
	u64 fd = 0, unused = 0;
	i32 number = 0, unlock = 0;
	struct settings settings;
	EXPECT_EQ(sys_open(program_text(AT_TEXT, "/dev/ptmx"), NONBLOCK_RDWR, 0, &fd), OK);
	master = (i32)fd;
	EXPECT_EQ(sys_ioctl(master, TIOCSPTLCK, program_put(AT_TEXT, &unlock, 4).raw, &unused), OK);
	EXPECT_EQ(sys_ioctl(master, TIOCGPTN, program_at(AT_TEXT).raw, &unused), OK);
	program_get(AT_TEXT, &number, 4);
	char path[] = "/dev/pts/0";
	path[9] = (char)('0' + number);
	EXPECT_EQ(sys_open(program_text(AT_TEXT, path), NONBLOCK_RDWR, 0, &fd), OK);
	slave = (i32)fd;
	EXPECT_EQ(sys_ioctl(slave, TCGETS, program_at(AT_TEXT).raw, &unused), OK);
	program_get(AT_TEXT, &settings, 36);
	settings.lflag &= ~(u32)(ECHO | ISIG);
	settings.iflag &= ~(u32)(IXON | IUTF8);
	EXPECT_EQ(sys_ioctl(slave, TCSETS, program_put(AT_TEXT, &settings, 36).raw, &unused), OK);
	ready_n = line_n = 0;
	quoted = false;
}

static void
line_end(u8 byte, bool is_byte)
{
	for (u32 i = 0; i < line_n; i++, ready_n++)
		ready[ready_n] = line[i], ends[ready_n] = false;
	if (is_byte)
		ready[ready_n] = byte, ends[ready_n++] = true;
	else if (line_n != 0)
		ends[ready_n - 1] = true;
	else
		ready[ready_n] = 0, ends[ready_n++] = true;   /* an end of file: a byte that no read gives */
	line_n = 0;
}

static bool is_word(u8 byte) { return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_'; }

static void
type(u8 byte)
{
	if (quoted) {
		quoted = false;
		line[line_n++] = byte;
	} else if (byte == CTRL_V) {
		quoted = true;
	} else if (byte == BACKSPACE) {
		line_n -= line_n != 0;
	} else if (byte == CTRL_U) {
		line_n = 0;
	} else if (byte == CTRL_W) {
		while (line_n != 0 && !is_word(line[line_n - 1]))
			line_n--;
		while (line_n != 0 && is_word(line[line_n - 1]))
			line_n--;
	} else if (byte == '\n' || byte == '\r') {
		line_end('\n', true);
	} else if (byte == CTRL_D) {
		line_end(0, false);
	} else {
		line[line_n++] = byte;
	}
}

static void
step_type(void)
{
	static const u8 keys[] = { 'a', 'b', 'z', '_', '0', ' ', '.', '\n', '\r', BACKSPACE, BACKSPACE, CTRL_U, CTRL_V, CTRL_W, CTRL_D, 'x', 'y' };
	u8 text[40];
	u64 moved = 0;
	u32 n = 1 + draw(sizeof(text));
	if (line_n + ready_n > 3000)   /* a terminal takes 4095 bytes */
		return;
	for (u32 i = 0; i < n; i++) {
		text[i] = keys[draw(COUNTOF(keys))];
		type(text[i]);
	}
	EXPECT_EQ(sys_write(master, program_put(AT_TEXT, text, n), n, &moved), OK);
	EXPECT_EQ(moved, n);
}

static void
step_read(void)
{
	u8 got[64];
	u32 room = 1 + draw(sizeof(got)), expected = 0, taken = 0;
	u64 moved = 0;
	err_t err = sys_read(slave, program_at(AT_BUFFER), room, &moved);
	EXPECT_EQ(err, ready_n == 0 ? EAGAIN : OK);
	if (ready_n == 0 || err != OK)
		return;
	for (bool over = false; !over && expected < room && taken < ready_n; taken++) {
		over = ends[taken];
		expected += !(ends[taken] && ready[taken] == 0);
	}
	EXPECT_EQ(moved, expected);
	program_get(AT_BUFFER, got, moved);
	for (u32 i = 0; i < moved; i++)
		EXPECT_EQ(got[i], ready[i]);
	ready_n -= taken;
	for (u32 i = 0; i < ready_n; i++)
		ready[i] = ready[i + taken], ends[i] = ends[i + taken];
}

PROGRAM_TEST(lines_of_a_terminal_are_those_of_the_model)
{
	for (u64 with = 1; with <= 3; with++) {
		seed = with;
		terminal_open();
		for (u32 i = 0; i < STEPS; i++)
			if (draw(3) == 0)
				step_type();
			else
				step_read();
		EXPECT_EQ(sys_close(slave), OK);
		EXPECT_EQ(sys_close(master), OK);
	}
}

/* --- bytes both ways at once, raw: each comes out once and in order --- */

enum : u32 { FLOOD = 60000 };
static void
raw(void)
{
	struct settings settings = { .cflag = CS8 | CREAD, .cc = { [VMIN] = 1 } };
	u64 unused = 0;
	EXPECT_EQ(sys_ioctl(slave, TCSETS, program_put(AT_TEXT, &settings, 36).raw, &unused), OK);
}

static void
flood(void)
{
	u64 moved = 0;
	for (u32 sent = 0; sent < FLOOD;) {
		u8 bytes[100];
		for (u32 i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)((sent + i) * 7 >> 1);
		err_t err = sys_write(master, program_put(8192, bytes, sizeof(bytes)), MIN((u32)sizeof(bytes), FLOOD - sent), &moved);
		EXPECT(err == OK || err == EAGAIN);
		sent += err == OK ? (u32)moved : 0;
		if (err == EAGAIN)
			task_yield();
	}
}

PROGRAM_TEST(a_flood_of_bytes_arrives_whole)
{
	terminal_open();
	raw();
	program_thread(flood);
	u32 wrong = 0;
	u64 patience = clock_now() + 60 * NS_PER_SEC;
	for (u32 got = 0; got < FLOOD && clock_now() < patience;) {
		u8 bytes[333];
		u64 moved = 0;
		err_t err = sys_read(slave, program_at(AT_BUFFER), sizeof(bytes), &moved);
		if (err != OK) {
			EXPECT_EQ(err, EAGAIN);
			task_yield();
			continue;
		}
		program_get(AT_BUFFER, bytes, moved);
		for (u32 i = 0; i < moved; i++)
			wrong += bytes[i] != (u8)((got + i) * 7 >> 1);
		got += (u32)moved;
	}
	EXPECT(clock_now() < patience);
	EXPECT_EQ(wrong, 0);
	program_join();
}
