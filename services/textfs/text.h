// SPDX-License-Identifier: MPL-2.0
/**
 * Texts that are put together piece by piece and grow as they need.
 *
 * One task writes a text; it has no lock. Where memory is gone, the text is cut and `failed` is set, so that whoever writes need not look.
 */
#pragma once

#include <cadre/log.h>
#include <cadre/object.h>

struct text {
	struct byte_array *buffer;          /* counted; never null */
	u64 len;
	bool failed;
};
OBJECT_DECLARE(text);

enum : u32 { TEXT_ROOM = 256, TEXT_MAX = (u32)64 << 20 };

/** An empty text. => null: ENOMEM */
struct text *text_create(void);
void text_put_bytes(struct text *text, struct cbytes bytes);
void text_put_char(struct text *text, u8 c);
void text_fill(struct text *text, u8 c, u32 count);
/** A number in decimal, at the right of a column of `width`. */
void text_put_number(struct text *text, u64 value, u32 width);
void text_put_signed(struct text *text, i64 value);
/** In hexadecimal without 0x, with zeroes before it up to `width` digits. */
void text_put_hex(struct text *text, u64 value, u32 width);
void text_put_octal(struct text *text, u64 value);
/** Bytes up to the first NUL. */
void text_put_string(struct text *text, struct cbytes string);
/** A path as Linux shows it in tables: space, tab, newline and backslash as octal numbers. */
void text_put_escaped(struct text *text, struct cbytes string);

/** Makes room for one text_print, or for `more` bytes. => the buffer */
struct byte_array *text_room(struct text *text);
struct byte_array *text_room_of(struct text *text, u64 more);
void text_add(struct text *text, size_t len);
/** One piece of at most TEXT_ROOM bytes, in the manner of log_info. `text` is a plain variable. */
#define text_print(text, ...) text_add((text), format_text(bytes_from(byte_array_bytes(text_room(text)), (text)->len), __VA_ARGS__))
