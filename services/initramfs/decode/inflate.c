// SPDX-License-Identifier: MPL-2.0
/**
 * Gunzip: the gzip container (RFC 1952) and the deflate format in it (RFC 1951).
 *
 * A code of up to LITERAL_BITS (DISTANCE_BITS) bits takes one lookup; the rare longer ones are found bit by bit, by how many codes there are
 * of each length. All indices into the window and the tables are masked, so that the compiler needs no check for them.
 */
#include "checksum.h"
#include "stream.h"

enum : u32 {
	WINDOW = 32768, WINDOW_MASK = WINDOW - 1,
	LITERAL_BITS = 10, DISTANCE_BITS = 8, LENGTH_BITS = 7,
	MATCH_MAX = 258,
	CODE_BITS_MAX = 15,
	COPY_AT_ONCE = 16,                  /* from this length on a call of bytes_copy pays */
};

/** A decoded symbol: bits 0-3 its code's length, 4-7 number of extra bits, 8-9 its kind, 16-31 a literal or base value. */
enum : u32 { ENTRY_LITERAL = 0, ENTRY_BASE = 1 << 8, ENTRY_END = 2 << 8, ENTRY_INVALID = 3 << 8, ENTRY_KIND = 3 << 8 };
enum alphabet : u32 { ALPHABET_LENGTHS, ALPHABET_LITERALS, ALPHABET_DISTANCES };

/** A prefix code. */
struct code {
	u32 fast[1 << LITERAL_BITS];        /* by the next bits; 0: the code is longer */
	u16 symbols[320];                   /* in the order of their codes */
	u16 count[CODE_BITS_MAX + 1];       /* codes of each length */
	u32 fast_bits;
	enum alphabet alphabet;
};

enum inflate_mode : u32 { MODE_BLOCK, MODE_STORED, MODE_CODES, MODE_TRAILER };

struct inflate {
	u8 window[WINDOW];                  /* the last bytes decoded */
	struct code literals, distances;
	u64 bits; u32 nbits;                /* taken from the input and not yet used */
	u64 position, given;                /* bytes decoded, and handed on */
	enum inflate_mode mode;
	bool last;                          /* this block is the last one */
	u32 stored;                         /* MODE_STORED: bytes left */
	u32 crc;
	u8 lengths[320];                    /* of the codes being read */
};
OBJECT_DECLARE(inflate);
OBJECT_DEFINE(inflate);

static void inflate_state_put(struct object *state) { inflate_put(inflate_from(state)); }

static err_t
damaged(struct cbytes what)
{
	log_error("gzip: {}", what);
	return EINVAL;
}

/** The next n ≤ 32 bits. */
static u32
bits_take(struct inflate *inflate, struct input *input, u32 n)
{
	if (inflate->nbits < 32) {
		inflate->bits |= (u64)input_u32(input) << inflate->nbits;
		inflate->nbits += 32;
	}
	u32 value = (u32)(inflate->bits & (((u64)1 << n) - 1));
	inflate->bits >>= n;
	inflate->nbits -= n;
	return value;
}

/** Drops the rest of a byte and gives whole bytes back to the input. */
static void
bits_align(struct inflate *inflate, struct input *input)
{
	input_unread(input, inflate->nbits / 8);
	inflate->bits = 0;
	inflate->nbits = 0;
}

/* Lengths 3 … 258 and distances 1 … 32768: base and number of extra bits (RFC 1951, 3.2.5). */
static const u16 length_bases[32] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258 };
static const u8 length_extras[32] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const u16 distance_bases[32] = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
static const u8 distance_extras[32] = { 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13 };

static u32
entry_of(enum alphabet alphabet, u32 symbol, u32 len)
{
	if (alphabet == ALPHABET_DISTANCES)
		return symbol < 30 ? (u32)distance_bases[symbol & 31] << 16 | ENTRY_BASE | (u32)distance_extras[symbol & 31] << 4 | len : ENTRY_INVALID | len;
	if (alphabet == ALPHABET_LENGTHS || symbol < 256)
		return symbol << 16 | ENTRY_LITERAL | len;
	if (symbol == 256)
		return ENTRY_END | len;
	u32 i = symbol - 257;
	return i < 29 ? (u32)length_bases[i & 31] << 16 | ENTRY_BASE | (u32)length_extras[i & 31] << 4 | len : ENTRY_INVALID | len;
}

static u32
reverse(u32 code, u32 len)
{
	u32 reversed = 0;
	for (; len > 0; len--, code >>= 1)
		reversed = reversed << 1 | (code & 1);
	return reversed;
}

/** Enters each short code at all places that begin with it. */
static void
code_fill(struct code *code, const struct inflate *inflate, u32 first, u32 nsymbols)
{
	u32 next[CODE_BITS_MAX + 1] = {}, value = 0;
	for (u32 len = 1; len <= CODE_BITS_MAX; len++) {
		next[len] = value;
		value = (value + code->count[len]) << 1;
	}
	for (u32 i = 0; i < COUNTOF(code->fast); i++)
		code->fast[i] = 0;
	for (u32 symbol = 0; symbol < nsymbols; symbol++) {
		u32 len = inflate->lengths[first + symbol];
		if (len == 0 || len > CODE_BITS_MAX)
			continue;
		u32 at = reverse(next[len], len), entry = entry_of(code->alphabet, symbol, len);
		next[len] += 1;
		for (; len <= code->fast_bits && at < (u32)1 << code->fast_bits; at += (u32)1 << len)
			code->fast[at] = entry;
	}
}

/** Makes the code of the lengths from `first` on. => EINVAL: they make no code that deflate allows */
static err_t
code_make(struct code *code, struct inflate *inflate, enum alphabet alphabet, u32 fast_bits, u32 first, u32 nsymbols)
{
	u32 offsets[CODE_BITS_MAX + 2] = {}, longest = 0;
	i32 left = 1;
	code->alphabet = alphabet;
	code->fast_bits = fast_bits;
	for (u32 len = 0; len <= CODE_BITS_MAX; len++)
		code->count[len] = 0;
	for (u32 i = 0; i < nsymbols; i++)
		code->count[inflate->lengths[first + i] & 15] += 1;
	code->count[0] = 0;
	for (u32 len = 1; len <= CODE_BITS_MAX; len++) {
		left = 2 * left - code->count[len];
		if (left < 0)
			return damaged(TEXT("a code has too many symbols"));
		offsets[len + 1] = offsets[len] + code->count[len];
		longest = code->count[len] != 0 ? len : longest;
	}
	/* Unused codes are allowed where there is but one symbol, or none. */
	if (left > 0 && (alphabet == ALPHABET_LENGTHS || longest > 1))
		return damaged(TEXT("a code has too few symbols"));
	for (u32 i = 0; i < nsymbols; i++) {
		u32 len = inflate->lengths[first + i] & 15;
		if (len != 0) {
			code->symbols[offsets[len]] = (u16)i;
			offsets[len] += 1;
		}
	}
	code_fill(code, inflate, first, nsymbols);
	return OK;
}

/** A code that is not in the fast table, bit by bit. */
static u32
code_find(const struct code *code, u64 bits)
{
	i32 value = 0, first = 0, index = 0;
	for (u32 len = 1; len <= CODE_BITS_MAX; len++) {
		value |= (i32)(bits >> (len - 1) & 1);
		i32 count = code->count[len];
		if (value - count < first)
			return entry_of(code->alphabet, code->symbols[(u32)(index + value - first) % COUNTOF(code->symbols)], len);
		index += count;
		first = (first + count) << 1;
		value <<= 1;
	}
	return ENTRY_INVALID | 1;
}

static u32
code_next(const struct code *code, u64 bits)
{
	u32 entry = code->fast[bits & (((u64)1 << code->fast_bits) - 1) & (COUNTOF(code->fast) - 1)];
	return entry != 0 ? entry : code_find(code, bits);
}

/** One symbol of a code without extra bits. */
static u32
symbol_take(struct inflate *inflate, struct input *input, const struct code *code)
{
	(void)bits_take(inflate, input, 0);
	u32 entry = code_next(code, inflate->bits);
	(void)bits_take(inflate, input, entry & 15);
	return (entry & ENTRY_KIND) == ENTRY_LITERAL ? entry >> 16 : ~(u32)0;
}

static err_t
fixed_codes(struct inflate *inflate)
{
	for (u32 i = 0; i < 288; i++)
		inflate->lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	TRY(code_make(&inflate->literals, inflate, ALPHABET_LITERALS, LITERAL_BITS, 0, 288));
	for (u32 i = 0; i < 32; i++)
		inflate->lengths[i] = 5;
	return code_make(&inflate->distances, inflate, ALPHABET_DISTANCES, DISTANCE_BITS, 0, 32);
}

/** The code lengths, themselves coded: runs of zeroes and repetitions (RFC 1951, 3.2.7). */
static err_t
lengths_read(struct inflate *inflate, struct input *input, u32 n)
{
	static const struct { u8 bits, base; } runs[3] = { { 2, 3 }, { 3, 3 }, { 7, 11 } };
	u8 lengths[320] = {};
	for (u32 i = 0; i < n;) {
		u32 symbol = symbol_take(inflate, input, &inflate->literals);
		if (symbol < 16) {
			lengths[i] = (u8)symbol;
			i++;
			continue;
		}
		if (symbol > 18 || (symbol == 16 && i == 0))
			return damaged(TEXT("a code's lengths are damaged"));
		u32 count = runs[symbol - 16].base + bits_take(inflate, input, runs[symbol - 16].bits);
		u8 value = symbol == 16 ? lengths[i - 1] : 0;
		if (count > n - i)
			return damaged(TEXT("a code has more lengths than symbols"));
		for (; count > 0; count--, i++)
			lengths[i] = value;
	}
	bytes_copy(BYTES_OF(inflate->lengths), CBYTES_OF(lengths));
	return OK;
}

static err_t
dynamic_codes(struct inflate *inflate, struct input *input)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	u32 nliterals = 257 + bits_take(inflate, input, 5), ndistances = 1 + bits_take(inflate, input, 5);
	u32 nlengths = 4 + bits_take(inflate, input, 4);
	if (nliterals > 286 || ndistances > 30)
		return damaged(TEXT("a block has too many symbols"));
	bytes_fill(BYTES_OF(inflate->lengths), 0);
	for (u32 i = 0; i < nlengths && i < COUNTOF(order); i++)
		inflate->lengths[order[i]] = (u8)bits_take(inflate, input, 3);
	TRY(code_make(&inflate->literals, inflate, ALPHABET_LENGTHS, LENGTH_BITS, 0, 19));
	TRY(lengths_read(inflate, input, nliterals + ndistances));
	if (inflate->lengths[256] == 0)
		return damaged(TEXT("a block can have no end"));
	TRY(code_make(&inflate->literals, inflate, ALPHABET_LITERALS, LITERAL_BITS, 0, nliterals));
	return code_make(&inflate->distances, inflate, ALPHABET_DISTANCES, DISTANCE_BITS, nliterals, ndistances);
}

static err_t
stored_start(struct inflate *inflate, struct input *input)
{
	bits_align(inflate, input);
	u32 head = input_u32(input), len = head & 0xffff;
	if (len != (~head >> 16 & 0xffff))
		return damaged(TEXT("a stored block's length is damaged"));
	inflate->stored = len;
	inflate->mode = MODE_STORED;
	return OK;
}

static err_t
block_start(struct inflate *inflate, struct input *input)
{
	if (inflate->last) {
		bits_align(inflate, input);
		inflate->mode = MODE_TRAILER;
		return OK;
	}
	inflate->last = bits_take(inflate, input, 1) != 0;
	u32 kind = bits_take(inflate, input, 2);
	if (kind == 0)
		return stored_start(inflate, input);
	if (kind == 3)
		return damaged(TEXT("a block is of no kind that there is"));
	inflate->mode = MODE_CODES;
	return kind == 1 ? fixed_codes(inflate) : dynamic_codes(inflate, input);
}

static err_t
stored_copy(struct inflate *inflate, struct input *input)
{
	u32 at = (u32)inflate->position & WINDOW_MASK;
	u64 room = WINDOW - (inflate->position - inflate->given);
	size_t n = MIN(MIN((u64)inflate->stored, room), (u64)(WINDOW - at));
	if (input_read(input, bytes_sub(BYTES_OF(inflate->window), at, n)) < n)
		return damaged(TEXT("the data is cut off"));
	inflate->position += n;
	inflate->stored -= (u32)n;
	if (inflate->stored == 0)
		inflate->mode = MODE_BLOCK;
	return OK;
}

/** Repeats `len` bytes from `distance` before the position. */
static void
match_copy(struct inflate *inflate, u64 position, u32 distance, u32 len)
{
	u32 to = (u32)position & WINDOW_MASK, from = ((u32)position - distance) & WINDOW_MASK;
	if (len >= COPY_AT_ONCE && distance >= len && to + len <= WINDOW && from + len <= WINDOW) {
		struct bytes window = BYTES_OF(inflate->window);
		bytes_copy(bytes_sub(window, to, len), bytes_const(bytes_sub(window, from, len)));
		return;
	}
	for (u32 i = 0; i < len; i++)
		inflate->window[(to + i) & WINDOW_MASK] = inflate->window[(from + i) & WINDOW_MASK];
}

/** Decodes symbols until the window is full or the block ends. Its state is in locals all the while: this is the hot loop. */
static err_t
codes_decode(struct inflate *inflate, struct input *input)
{
	u64 bits = inflate->bits, position = inflate->position, limit = inflate->given + WINDOW - MATCH_MAX;
	u32 nbits = inflate->nbits, kind = ENTRY_LITERAL, distance = 0;
	while (position < limit) {
		if (nbits < 32) {
			bits |= (u64)input_u32(input) << nbits;
			nbits += 32;
		}
		u32 entry = code_next(&inflate->literals, bits);
		bits >>= entry & 15;
		nbits -= entry & 15;
		kind = entry & ENTRY_KIND;
		if (kind == ENTRY_LITERAL) {
			inflate->window[position & WINDOW_MASK] = (u8)(entry >> 16);
			position++;
			continue;
		}
		if (kind != ENTRY_BASE)
			break;
		u32 extra = entry >> 4 & 15, len = (entry >> 16) + ((u32)bits & ((1u << extra) - 1));
		bits >>= extra;
		nbits -= extra;
		if (nbits < 32) {
			bits |= (u64)input_u32(input) << nbits;
			nbits += 32;
		}
		entry = code_next(&inflate->distances, bits);
		bits >>= entry & 15;
		nbits -= entry & 15;
		extra = entry >> 4 & 15;
		distance = (entry >> 16) + ((u32)bits & ((1u << extra) - 1));
		bits >>= extra;
		nbits -= extra;
		if ((entry & ENTRY_KIND) != ENTRY_BASE || distance > position) {
			kind = ENTRY_INVALID;
			break;
		}
		match_copy(inflate, position, distance, len);
		position += len;
	}
	inflate->bits = bits;
	inflate->nbits = nbits;
	inflate->position = position;
	if (kind == ENTRY_INVALID)
		return damaged(TEXT("a code that stands for nothing, or a distance before the start"));
	if (kind == ENTRY_END)
		inflate->mode = MODE_BLOCK;
	return OK;
}

/** Moves what was decoded from the window to the stream's. */
static void
hand_on(struct inflate *inflate, struct stream *stream)
{
	u32 n = (u32)(inflate->position - inflate->given), at = (u32)inflate->given & WINDOW_MASK, first = MIN(n, WINDOW - at);
	struct bytes to = byte_array_bytes(stream->window), window = BYTES_OF(inflate->window);
	bytes_copy(to, bytes_const(bytes_sub(window, at, first)));
	bytes_copy(bytes_from(to, first), bytes_const(bytes_sub(window, 0, n - first)));
	inflate->crc = crc32_update(inflate->crc, bytes_const(bytes_sub(to, 0, n)));
	inflate->given = inflate->position;
	stream->at = 0;
	stream->end = n;
}

static err_t
trailer_check(struct inflate *inflate, struct stream *stream)
{
	u32 crc = input_u32(stream->input), len = input_u32(stream->input);
	stream->ended = true;
	if (stream->input->overrun > 0)
		return damaged(TEXT("the data is cut off"));
	return crc == inflate->crc && len == (u32)inflate->position ? OK : damaged(TEXT("the checksum or length is wrong"));
}

static err_t
gzip_more(struct stream *stream)
{
	struct inflate *inflate = inflate_from(stream->state);
	struct input *input = stream->input;
	while (inflate->position - inflate->given < WINDOW - MATCH_MAX && inflate->mode != MODE_TRAILER) {
		TRY(inflate->mode == MODE_BLOCK ? block_start(inflate, input) : inflate->mode == MODE_STORED ? stored_copy(inflate, input) :
			codes_decode(inflate, input));
		if (input->overrun * 8 > inflate->nbits)
			return damaged(TEXT("the data is cut off"));
	}
	if (inflate->position == inflate->given)
		return trailer_check(inflate, stream);
	hand_on(inflate, stream);
	return OK;
}

enum gzip_flags : u8 { GZIP_HEADER_CRC = 2, GZIP_EXTRA = 4, GZIP_NAME = 8, GZIP_COMMENT = 16, GZIP_RESERVED = 0xe0 };

/** Passes over a text with its NUL. */
static void
text_skip(struct input *input)
{
	while (input_byte(input) != 0)
		;
}

static err_t
header_skip(struct input *input)
{
	u8 head[10] = {};
	if (input_read(input, BYTES_OF(head)) < sizeof(head) || head[2] != 8 || (head[3] & GZIP_RESERVED) != 0)
		return damaged(TEXT("the header is none of deflate's"));
	if ((head[3] & GZIP_EXTRA) != 0) {
		u32 low = input_byte(input), len = low | (u32)input_byte(input) << 8;
		for (; len > 0; len--)
			(void)input_byte(input);
	}
	if ((head[3] & GZIP_NAME) != 0)
		text_skip(input);
	if ((head[3] & GZIP_COMMENT) != 0)
		text_skip(input);
	for (u32 i = 0; i < 2 && (head[3] & GZIP_HEADER_CRC) != 0; i++)
		(void)input_byte(input);
	return input->overrun == 0 ? OK : damaged(TEXT("the header is cut off"));
}

static err_t
gzip_start(struct stream *stream)
{
	struct inflate *inflate = inflate_alloc();
	if (inflate == nullptr)
		return ENOMEM;
	stream->state = inflate_object(inflate);
	stream->state_put = inflate_state_put;
	stream->window = byte_array_alloc(WINDOW);
	return stream->window != nullptr ? header_skip(stream->input) : ENOMEM;
}

const struct stream_ops gzip_stream = { .name = "gzip", .magic = { 0x1f, 0x8b }, .magic_len = 2, .start = gzip_start, .more = gzip_more };
