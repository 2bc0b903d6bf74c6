// SPDX-License-Identifier: MPL-2.0
/**
 * Slices: a pointer with its length, for locals and parameters only.
 *
 * `struct bytes` may be written, `struct cbytes` only read. A slice never lies in the heap, so its two
 * words are never torn by a race. Each access checks its index and traps beyond the end.
 */
#pragma once

#include <cadre/types.h>

struct SCOPED_TYPE bytes {
	PRIVATE u8 *ptr;
	PRIVATE size_t len;
};

struct SCOPED_TYPE cbytes {
	PRIVATE const u8 *ptr;
	PRIVATE size_t len;
};

static inline size_t bytes_len(struct bytes s) { return s.len; }
static inline size_t cbytes_len(struct cbytes s) { return s.len; }
static inline u8 bytes_get(struct bytes s, size_t i) { return s.ptr[bounds_check(i, s.len)]; }
static inline u8 cbytes_get(struct cbytes s, size_t i) { return s.ptr[bounds_check(i, s.len)]; }
static inline void bytes_set(struct bytes s, size_t i, u8 value) { s.ptr[bounds_check(i, s.len)] = value; }
static inline struct cbytes bytes_const(struct bytes s) { return (struct cbytes){ s.ptr, s.len }; }

/** The part [off, off + len) of s. => traps where that reaches beyond the end or wraps. */
static inline struct bytes
bytes_sub(struct bytes s, size_t off, size_t len)
{
	if (range_exceeds(off, len, s.len))
		bounds_trap();
	return (struct bytes){ s.ptr + off, len };
}

static inline struct cbytes
cbytes_sub(struct cbytes s, size_t off, size_t len)
{
	if (range_exceeds(off, len, s.len))
		bounds_trap();
	return (struct cbytes){ s.ptr + off, len };
}

/** All of s from `off` on. => traps where off is beyond the end. */
static inline struct bytes
bytes_from(struct bytes s, size_t off)
{
	return bytes_sub(s, off, s.len >= off ? s.len - off : 1);
}

static inline struct cbytes
cbytes_from(struct cbytes s, size_t off)
{
	return cbytes_sub(s, off, s.len >= off ? s.len - off : 1);
}

/** Copies all of src to the start of dst; the two may overlap. => traps where dst is shorter. */
void bytes_copy(struct bytes dst, struct cbytes src);
void bytes_fill(struct bytes dst, u8 value);
/** Less than, equal to or greater than 0, as memcmp(3) over the common length, then by length. */
int cbytes_compare(struct cbytes a, struct cbytes b);

static inline bool
cbytes_equal(struct cbytes a, struct cbytes b)
{
	return a.len == b.len && cbytes_compare(a, b) == 0;
}

static inline struct bytes bytes_of_plain(PLAIN void *scoped p, size_t len) { return (struct bytes){ p, len }; }

static inline struct cbytes
cbytes_of_plain(PLAIN const void *scoped p, size_t len)
{
	return (struct cbytes){ p, len };
}

/**
 * The bytes of an lvalue of plain data (integers, arrays and padding-free structs of them): to fill it or to send it.
 */
#define BYTES_OF(lvalue)  bytes_of_plain(&(lvalue), sizeof(lvalue))
#define CBYTES_OF(lvalue) cbytes_of_plain(&(lvalue), sizeof(lvalue))

/** The bytes of a string literal, without its terminating NUL. */
#define TEXT(literal) ((struct cbytes){ (const u8 *)("" literal ""), sizeof("" literal "") - 1 })
