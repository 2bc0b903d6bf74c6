// SPDX-License-Identifier: MPL-2.0
// Texts piece by piece against a model that is one large buffer; the numbers that are read from texts; files of texts read in parts.
#include <program.h>

#include <syscall_handlers.h>
#include <textfs.h>

enum : u32 { PIECES = 3000, MODEL_MAX = 1 << 18, FILE_MAX = 65536, READS = 60 };

static u8 model[MODEL_MAX];
static u32 model_len;
static u64 seed;
static u32 draw(u32 below) { return program_random(&seed, below); }

static void
model_put(u8 c)
{
	if (model_len < MODEL_MAX)
		model[model_len++] = c;
}

/** Digits as they are made on paper, from the last to the first. */
static void
model_number(u64 value, u32 base, u32 width, u8 pad)
{
	u8 digits[64];
	u32 n = 0;
	for (u64 rest = value; rest != 0 || n == 0; rest /= base)
		digits[n++] = (u8)(rest % base < 10 ? '0' + rest % base : 'a' + rest % base - 10);
	for (u32 i = n; i < width; i++)
		model_put(pad);
	while (n-- > 0)
		model_put(digits[n]);
}

static u64
number(void)
{
	static const u64 ends[] = { 0, 1, 9, 10, 0xff, 0x100, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, (u64)1 << 63, ~(u64)0 };
	return draw(2) == 0 ? ends[draw(COUNTOF(ends))] : (u64)draw(1u << 31) << draw(33);
}

static void
put_string(struct text *text, bool escaped)
{
	static const u8 strange[] = { ' ', '\t', '\n', '\\', 'a', 0x80, 0xff, '0' };
	u8 bytes[40];
	u32 len = draw(sizeof(bytes)), nul = draw(60);
	for (u32 i = 0; i < len; i++)
		bytes[i] = !escaped && i == nul ? 0 : strange[draw(COUNTOF(strange))];
	struct cbytes string = { bytes, len };
	if (escaped)
		text_put_escaped(text, string);
	else
		text_put_string(text, string);
	for (u32 i = 0; i < len && (escaped || bytes[i] != 0); i++) {
		if (!escaped || (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\n' && bytes[i] != '\\')) {
			model_put(bytes[i]);
			continue;
		}
		model_put('\\');
		model_number(bytes[i], 8, 3, '0');
	}
}

static void
put_piece(struct text *text)
{
	u64 value = number();
	u32 width = draw(30), count = draw(200);
	switch (draw(8)) {
	case 0: text_put_number(text, value, width), model_number(value, 10, width, ' '); break;
	case 1: text_put_hex(text, value, width), model_number(value, 16, width, '0'); break;
	case 2: text_put_octal(text, value), model_number(value, 8, 0, ' '); break;
	case 3:
		text_put_signed(text, (i64)value);
		if ((i64)value < 0)
			model_put('-');
		model_number((i64)value < 0 ? -value : value, 10, 0, ' ');
		break;
	case 4: put_string(text, false); break;
	case 5: put_string(text, true); break;
	case 6:
		text_print(text, "<{}|{x}>", value, value);
		model_put('<');
		model_number(value, 10, 0, ' ');
		model_put('|');
		model_put('0');
		model_put('x');
		model_number(value, 16, 0, ' ');
		model_put('>');
		break;
	default:
		text_fill(text, '.', count);
		while (count-- > 0)
			model_put('.');
		break;
	}
}

TEST(a_text_is_what_was_put_into_it)
{
	struct text *text = text_create();
	EXPECT(text != nullptr);
	if (text == nullptr)
		return;
	seed = 3;
	model_len = 0;
	for (u32 i = 0; i < PIECES; i++) {
		put_piece(text);
		EXPECT_EQ(text->len, model_len);
	}
	EXPECT(!text->failed && model_len > MODEL_MAX / 4 && model_len < MODEL_MAX);
	EXPECT(cbytes_equal(bytes_const(bytes_sub(byte_array_bytes(text->buffer), 0, text->len)), (struct cbytes){ model, model_len }));
	/* Too much is refused, and nothing is written behind what there is. */
	u64 before = text->len;
	(void)text_room_of(text, TEXT_MAX);
	EXPECT(text->failed);
	text_put_bytes(text, bytes_const(bytes_sub(byte_array_bytes(text->buffer), 0, before)));
	text_put_bytes(text, bytes_const(bytes_sub(byte_array_bytes(text->buffer), 0, before)));
	text_put_bytes(text, bytes_const(bytes_sub(byte_array_bytes(text->buffer), 0, before)));
	EXPECT(text->len <= byte_array_len(text->buffer) && text->len >= before);
	text_put(text);
}

TEST(numbers_are_read_from_texts_as_linux_reads_them)
{
	static const struct { struct cbytes text; bool good; i64 value; } signed_ones[] = {
		{ TEXT("5"), true, 5 }, { TEXT("-5\n"), true, -5 }, { TEXT(" \t7 \n"), true, 7 }, { TEXT("0x10"), true, 16 }, { TEXT("-0x10"), true, -16 },
		{ TEXT(""), false, 0 }, { TEXT("-"), false, 0 }, { TEXT("- 5"), false, 0 }, { TEXT("--5"), false, 0 }, { TEXT("5x"), false, 0 }, { TEXT("5 5"), false, 0 },
		{ TEXT("99999999999999999999999"), false, 0 }, { TEXT("\n"), false, 0 },
	};
	static const struct { struct cbytes text; bool good; u64 value; } names[] = {
		{ TEXT("0"), true, 0 }, { TEXT("10"), true, 10 }, { TEXT("4194304"), true, 4194304 }, { TEXT("01"), false, 0 }, { TEXT("1x"), false, 0 }, { TEXT(""), false, 0 },
		{ TEXT("-1"), false, 0 }, { TEXT("12345678901"), false, 0 },
	};
	for (u32 i = 0; i < COUNTOF(signed_ones); i++) {
		i64 value = 0;
		EXPECT_EQ(text_parse_signed(signed_ones[i].text, &value), signed_ones[i].good ? OK : EINVAL);
		EXPECT(!signed_ones[i].good || value == signed_ones[i].value);
	}
	for (u32 i = 0; i < COUNTOF(names); i++) {
		u64 value = 0;
		EXPECT_EQ(text_name_parse(names[i].text, &value), names[i].good);
		EXPECT(!names[i].good || value == names[i].value);
	}
}

static u8 whole[FILE_MAX], part[FILE_MAX];

PROGRAM_TEST(a_file_of_text_read_in_parts_is_the_file)
{
	static const char *const paths[] = { "/proc/filesystems", "/proc/self/limits", "/proc/self/mountinfo", "/proc/self/maps", "/proc/version" };
	seed = 5;
	for (u32 i = 0; i < COUNTOF(paths); i++) {
		u64 fd = 0, len = 0, got = 0, room = PROGRAM_AREA_LEN / 2;
		EXPECT_EQ(sys_open(program_text(0, paths[i]), 0, 0, &fd), OK);
		EXPECT_EQ(sys_read((i32)fd, program_at(room), FILE_MAX, &len), OK);
		EXPECT(len > 0 && len < FILE_MAX);
		program_get(room, whole, len);
		/* From its start it is made anew; what was read of it then stays as it is. */
		for (u32 n = 0; n < READS; n++) {
			u64 at = 1 + draw((u32)len + 20), want = draw(300);
			EXPECT_EQ(sys_pread64((i32)fd, program_at(room), want, (i64)at, &got), OK);
			EXPECT_EQ(got, at >= len ? 0 : MIN(want, len - at));
			program_get(room, part, got);
			EXPECT(cbytes_equal((struct cbytes){ part, got }, (struct cbytes){ whole + MIN(at, len), got }));
		}
		EXPECT_EQ(sys_close((i32)fd), OK);
	}
}
