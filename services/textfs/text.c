// SPDX-License-Identifier: MPL-2.0
// Texts that grow.
#include <text.h>

enum : u32 { TEXT_START = 1024 };

static void
text_release(struct text *text)
{
	if (text->buffer != nullptr)
		byte_array_put(text->buffer);
}
OBJECT_DEFINE_RELEASE(text);

struct text *
text_create(void)
{
	REF_SCOPE(text, text);
	text = text_alloc();
	if (text == nullptr)
		return nullptr;
	text->buffer = byte_array_alloc(TEXT_START);
	if (text->buffer == nullptr)
		return nullptr;
	struct text *made = text;
	text = nullptr;
	return made;
}

/** => whether there is room for `more` bytes */
static bool
text_reserve(struct text *text, u64 more)
{
	u64 size = byte_array_len(text->buffer), wanted = text->len + more;
	if (wanted <= size)
		return true;
	u64 grown = MAX(2 * size, wanted);
	struct byte_array *buffer = grown <= TEXT_MAX && !text->failed ? byte_array_alloc((u32)grown) : nullptr;
	if (buffer == nullptr) {
		text->failed = true;
		return false;
	}
	bytes_copy(byte_array_bytes(buffer), bytes_const(bytes_sub(byte_array_bytes(text->buffer), 0, text->len)));
	byte_array_put(text->buffer);
	text->buffer = buffer;
	return true;
}

void
text_put_bytes(struct text *text, struct cbytes bytes)
{
	if (!text_reserve(text, cbytes_len(bytes)))
		return;
	bytes_copy(bytes_from(byte_array_bytes(text->buffer), text->len), bytes);
	text->len += cbytes_len(bytes);
}

void
text_put_char(struct text *text, u8 c)
{
	text_put_bytes(text, CBYTES_OF(c));
}

void
text_fill(struct text *text, u8 c, u32 count)
{
	if (!text_reserve(text, count))
		return;
	bytes_fill(bytes_sub(byte_array_bytes(text->buffer), text->len, count), c);
	text->len += count;
}

/** Inlined, so that the base is a constant; what pads goes with the digits as far as there is room for it. */
static inline void
text_put_digits(struct text *text, u64 value, u32 base, u32 width, u8 pad)
{
	static const u8 digits[17] = "0123456789abcdef";
	u8 buffer[32];
	u32 at = sizeof(buffer);
	do {
		at--;
		buffer[at] = digits[value % base & 15];
		value /= base;
	} while (value != 0 && at > 0);
	for (; at > 0 && sizeof(buffer) - at < width; buffer[at] = pad)
		at--;
	if (width > sizeof(buffer))
		text_fill(text, pad, width - (u32)sizeof(buffer));
	text_put_bytes(text, cbytes_from(CBYTES_OF(buffer), at));
}

void text_put_number(struct text *text, u64 value, u32 width) { text_put_digits(text, value, 10, width, ' '); }
void text_put_hex(struct text *text, u64 value, u32 width) { text_put_digits(text, value, 16, width, '0'); }
void text_put_octal(struct text *text, u64 value) { text_put_digits(text, value, 8, 0, ' '); }

void
text_put_signed(struct text *text, i64 value)
{
	if (value < 0)
		text_put_char(text, '-');
	text_put_number(text, value < 0 ? -(u64)value : (u64)value, 0);
}

void
text_put_string(struct text *text, struct cbytes string)
{
	size_t len = 0;
	while (len < cbytes_len(string) && cbytes_get(string, len) != 0)
		len++;
	text_put_bytes(text, cbytes_sub(string, 0, len));
}

void
text_put_escaped(struct text *text, struct cbytes string)
{
	for (size_t i = 0; i < cbytes_len(string); i++) {
		u8 c = cbytes_get(string, i);
		if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
			text_put_char(text, '\\');
			text_put_digits(text, c, 8, 3, '0');
		} else {
			text_put_char(text, c);
		}
	}
}

struct byte_array *
text_room_of(struct text *text, u64 more)
{
	(void)text_reserve(text, more);
	return text->buffer;
}

struct byte_array *
text_room(struct text *text)
{
	return text_room_of(text, TEXT_ROOM);
}

void
text_add(struct text *text, size_t len)
{
	u64 room = byte_array_len(text->buffer) - text->len;
	text->failed |= len > room;
	text->len += MIN((u64)len, room);
}
