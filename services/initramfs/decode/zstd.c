// SPDX-License-Identifier: MPL-2.0
/**
 * Unzstd: a Zstandard frame. Blocks of at most 128 KiB, each with literals (Huffman) and sequences (FSE) that copy them and what came before.
 *
 * Source: RFC 8878. A compressed block lies in memory as 64-bit words, since its bit streams are read from their ends backwards. The last bytes
 * decoded are a ring, the stream's window. Tables are indexed through masks, so that no check is left of them.
 */
#include "checksum.h"
#include "stream.h"

enum : u32 {
	BLOCK_MAX = 128 << 10,
	WINDOW_MAX = 128 << 20,
	HUFFMAN_BITS_MAX = 11, HUFFMAN_CELLS = 1 << HUFFMAN_BITS_MAX,
	FSE_BITS_MAX = 9, FSE_CELLS = 1 << FSE_BITS_MAX, FSE_MASK = FSE_CELLS - 1,
	FIRST_BIT = 64,                     /* a block's first bit in `words`: so that the word before any place exists */
	COPY_AT_ONCE = 16,
	SYMBOLS_MAX = 256,
};
enum : u64 { SIZE_UNKNOWN = ~(u64)0 };
enum block_kind : u32 { BLOCK_RAW, BLOCK_RUN, BLOCK_COMPRESSED, BLOCK_RESERVED };
enum literals_kind : u32 { LITERALS_RAW, LITERALS_RUN, LITERALS_HUFFMAN, LITERALS_HUFFMAN_AGAIN };

ARRAY_DECLARE(word_array, u64);
ARRAY_DEFINE(word_array, u64);

/** A finite state table: bits 0-7 symbol, 8-15 bits to read, 16-31 what they are added to for the next state. */
struct fse {
	u32 cells[FSE_CELLS];
	u32 bits;                           /* of a state */
	bool valid;
};

/** A bit stream that is read backwards: [start, at) are bits of the block. */
struct back { i64 start, at; };

struct zstd {
	struct fse literal_lengths, offsets, match_lengths, weight_codes;
	u16 huffman[HUFFMAN_CELLS];         /* by the next bits: symbol, and its code's length << 8 */
	u32 huffman_bits;                   /* 0: there is no table yet */
	u8 weights[SYMBOLS_MAX];
	i16 frequencies[SYMBOLS_MAX]; u16 next[SYMBOLS_MAX];   /* of the table being made */
	struct word_array *words;           /* counted: the block; zeroes behind it */
	u32 block_len;
	struct byte_array *literals;        /* counted */
	u32 nliterals, literals_used;
	u32 repeat[3];                      /* offsets that can be named again */
	struct byte_array *window;          /* the stream's; not counted */
	u32 size, at;                       /* its length; where the next byte goes */
	u32 given;                          /* decoded bytes behind this place were not yet handed on */
	u32 waiting;                        /* how many */
	u64 position;                       /* bytes decoded */
	u64 window_size, content_size;
	u32 block_max;
	bool last, has_checksum;
	struct xxh64 checksum;
};
OBJECT_DECLARE(zstd);

static void
zstd_release(struct zstd *zstd)
{
	if (zstd->words != nullptr)
		word_array_put(zstd->words);
	if (zstd->literals != nullptr)
		byte_array_put(zstd->literals);
}
OBJECT_DEFINE_RELEASE(zstd);

static void zstd_state_put(struct object *state) { zstd_put(zstd_from(state)); }

static err_t
damaged(struct cbytes what)
{
	log_error("zstd: {}", what);
	return EINVAL;
}

/** Place of the highest bit that is set; x is not 0. */
static u32
log2_of(u64 x)
{
	u32 bit = 0;
	for (u32 step = 32; step > 0; step >>= 1) {
		if (x >> step != 0) {
			bit += step;
			x >>= step;
		}
	}
	return bit;
}

/* --- bits of the block ------------------------------------------------------------------------------------------ */

/** The 64 bits before place `at` ≥ FIRST_BIT. */
static inline u64
bits_before(struct word_array *words, u64 at)
{
	u32 word = (u32)(at >> 6), shift = at & 63;
	u64 low = words->items[word - 1];
	return shift != 0 ? words->items[word] << (64 - shift) | low >> shift : low;
}

/** n ≤ 32 bits from place `at` on. */
static u32
bits_at(struct word_array *words, u64 at, u32 n)
{
	return n != 0 ? (u32)(bits_before(words, at + n) >> (64 - n)) : 0;
}

static u8
block_byte(const struct zstd *zstd, u32 i)
{
	return (u8)bits_at(zstd->words, FIRST_BIT + 8 * (u64)i, 8);
}

/** The next n ≤ 32 bits; zeroes before the start, which shows in at < start. */
static inline u32
back_take(struct word_array *words, struct back *scoped back, u32 n)
{
	i64 end = back->at;
	back->at -= n;
	if (n == 0 || end <= back->start)
		return 0;
	u64 value = bits_before(words, (u64)end) >> (64 - n);
	if (back->at < back->start) {
		u32 missing = (u32)(back->start - back->at);
		value = value >> missing << missing;
	}
	return (u32)value;
}

/** Opens the stream in bytes [from, from + len) of the block: its last set bit marks the end. => EINVAL: there is none */
static err_t
back_open(const struct zstd *zstd, u32 from, u32 len, struct back *scoped back)
{
	if (len == 0 || range_exceeds(from, len, zstd->block_len) || block_byte(zstd, from + len - 1) == 0)
		return damaged(TEXT("a bit stream has no end mark"));
	back->start = FIRST_BIT + 8 * (i64)from;
	back->at = back->start + 8 * (i64)(len - 1) + log2_of(block_byte(zstd, from + len - 1));
	return OK;
}

/* --- finite state entropy --------------------------------------------------------------------------------------- */

static void
fse_run(struct fse *fse, u32 symbol)
{
	fse->cells[0] = symbol;
	fse->bits = 0;
	fse->valid = true;
}

/** Makes the table from zstd->frequencies, which add up to 1 << bits; -1 is 1 for a symbol with one cell at the end (RFC 8878, 4.1.1). */
static void
fse_make(struct zstd *zstd, struct fse *fse, u32 bits, u32 nsymbols)
{
	u32 size = 1u << bits, top = size, step = (size >> 1) + (size >> 3) + 3, at = 0;
	for (u32 symbol = 0; symbol < nsymbols; symbol++) {
		i32 frequency = zstd->frequencies[symbol];
		zstd->next[symbol] = frequency == -1 ? 1 : (u16)frequency;
		if (frequency == -1) {
			top--;
			fse->cells[top & FSE_MASK] = symbol;
		}
	}
	for (u32 symbol = 0; symbol < nsymbols; symbol++) {
		for (i32 i = 0; i < zstd->frequencies[symbol]; i++) {
			fse->cells[at & FSE_MASK] = symbol;
			do
				at = (at + step) & (size - 1);
			while (at >= top);
		}
	}
	for (u32 i = 0; i < size; i++) {
		u32 symbol = fse->cells[i & FSE_MASK] & 255, next = zstd->next[symbol], nbits = bits - log2_of(next);
		zstd->next[symbol] = (u16)(next + 1);
		fse->cells[i & FSE_MASK] = symbol | nbits << 8 | ((next << nbits) - size) << 16;
	}
	fse->bits = bits;
	fse->valid = true;
}

/** Reads a table's description from byte *at of the block on. => EINVAL */
static err_t
fse_read(struct zstd *zstd, struct fse *fse, u32 *scoped at, u32 bits_max, u32 nsymbols_max)
{
	u64 bit = FIRST_BIT + 8 * (u64)*at, end = FIRST_BIT + 8 * (u64)zstd->block_len;
	u32 bits = 5 + bits_at(zstd->words, bit, 4), symbol = 0;
	i32 remaining = 1 << bits;
	bit += 4;
	if (bits > bits_max)
		return damaged(TEXT("a table is too large"));
	while (remaining > 0 && symbol < nsymbols_max && bit < end) {
		u32 n = log2_of((u32)remaining + 1) + 1, value = bits_at(zstd->words, bit, n), low = (1u << (n - 1)) - 1;
		u32 threshold = (1u << n) - 1 - ((u32)remaining + 1);
		bool is_short = (value & low) < threshold;
		bit += is_short ? n - 1 : n;
		value = is_short ? value & low : value > low ? value - threshold : value;
		i32 frequency = (i32)value - 1;
		remaining -= frequency < 0 ? 1 : frequency;
		zstd->frequencies[symbol] = (i16)frequency;
		symbol++;
		for (u32 zeroes = frequency == 0 ? 3 : 0; zeroes == 3 && bit < end;) {
			zeroes = bits_at(zstd->words, bit, 2);
			bit += 2;
			for (u32 i = 0; i < zeroes && symbol < nsymbols_max; i++, symbol++)
				zstd->frequencies[symbol] = 0;
		}
	}
	if (remaining != 0 || bit > end)
		return damaged(TEXT("a table's description is damaged"));
	fse_make(zstd, fse, bits, symbol);
	*at = (u32)((bit - FIRST_BIT + 7) / 8);
	return OK;
}

static inline u32
fse_next(const struct fse *fse, struct word_array *words, struct back *scoped back, u32 state)
{
	u32 cell = fse->cells[state & FSE_MASK];
	return (cell >> 16) + back_take(words, back, cell >> 8 & 255);
}

static inline u32 fse_symbol(const struct fse *fse, u32 state) { return fse->cells[state & FSE_MASK] & 255; }

/* --- literals --------------------------------------------------------------------------------------------------- */

/** Makes the table from `n` weights; the last symbol's is what is missing (RFC 8878, 4.2.1). */
static err_t
huffman_make(struct zstd *zstd, u32 n)
{
	u32 sum = 0, cell = 0;
	for (u32 i = 0; i < n; i++) {
		if (zstd->weights[i] > HUFFMAN_BITS_MAX)
			return damaged(TEXT("a Huffman code is too long"));
		sum += zstd->weights[i] != 0 ? 1u << (zstd->weights[i] - 1) : 0;
	}
	if (sum == 0 || n >= SYMBOLS_MAX)
		return damaged(TEXT("a Huffman table is damaged"));
	u32 bits = log2_of(sum) + 1, left = (1u << bits) - sum;
	if (bits > HUFFMAN_BITS_MAX || (left & (left - 1)) != 0)
		return damaged(TEXT("a Huffman table is damaged"));
	zstd->weights[n] = (u8)(log2_of(left) + 1);
	for (u32 weight = 1; weight <= bits; weight++) {
		for (u32 symbol = 0; symbol <= n; symbol++) {
			for (u32 i = 0; zstd->weights[symbol] == weight && i < 1u << (weight - 1); i++, cell++)
				zstd->huffman[cell & (HUFFMAN_CELLS - 1)] = (u16)(symbol | (bits + 1 - weight) << 8);
		}
	}
	zstd->huffman_bits = bits;
	return OK;
}

/** Weights that are coded by a table of their own, with two states in turn, until the bits are used up. */
static err_t
weights_decode(struct zstd *zstd, u32 from, u32 len, u32 *scoped count)
{
	struct back back = {};
	u32 at = from, block_len = zstd->block_len, n = 0, states[2] = {};
	struct fse *fse = &zstd->weight_codes;
	if (range_exceeds(from, len, block_len))
		return damaged(TEXT("a Huffman table is damaged"));
	zstd->block_len = from + len;
	err_t err = fse_read(zstd, fse, &at, 6, 13);
	zstd->block_len = block_len;
	TRY(err);
	TRY(back_open(zstd, at, from + len > at ? from + len - at : 0, &back));
	states[0] = back_take(zstd->words, &back, fse->bits);
	states[1] = back_take(zstd->words, &back, fse->bits);
	for (u32 turn = 0; n < SYMBOLS_MAX - 1; turn ^= 1) {
		zstd->weights[n] = (u8)fse_symbol(fse, states[turn]);
		n++;
		states[turn] = fse_next(fse, zstd->words, &back, states[turn]);
		if (back.at < back.start) {
			/* The other one's state was the last that had its bits. */
			zstd->weights[n] = (u8)fse_symbol(fse, states[turn ^ 1]);
			n++;
			break;
		}
	}
	*count = n;
	return OK;
}

/** Reads the Huffman table's description from byte *at of the block on. */
static err_t
huffman_read(struct zstd *zstd, u32 *scoped at)
{
	u32 head = block_byte(zstd, *at), n = 0, from = *at + 1;
	if (head < 128) {
		TRY(weights_decode(zstd, from, head, &n));
		*at = from + head;
		return huffman_make(zstd, n);
	}
	n = head - 127;
	if (range_exceeds(from, (n + 1) / 2, zstd->block_len))
		return damaged(TEXT("a Huffman table is damaged"));
	for (u32 i = 0; i < n; i++)
		zstd->weights[i] = i % 2 == 0 ? block_byte(zstd, from + i / 2) >> 4 : block_byte(zstd, from + i / 2) & 15;
	*at = from + (n + 1) / 2;
	return huffman_make(zstd, n);
}

/** Decodes one stream of `n` literals: as many as 64 bits hold between two looks at the block. */
static err_t
huffman_decode(struct zstd *zstd, u32 from, u32 len, u32 to, u32 n)
{
	struct back back = {};
	struct byte_array *literals = zstd->literals;
	struct word_array *words = zstd->words;
	u32 shift = 64 - zstd->huffman_bits, end = to + n;
	TRY(back_open(zstd, from, len, &back));
	while (to < end && back.at >= back.start) {
		u64 bits = bits_before(words, (u64)back.at);
		u32 used = 0;
		while (used <= 64 - HUFFMAN_BITS_MAX && to < end) {
			u32 cell = zstd->huffman[bits >> shift & (HUFFMAN_CELLS - 1)];
			literals->items[to] = (u8)cell;
			to++;
			bits <<= cell >> 8;
			used += cell >> 8;
		}
		back.at -= used;
	}
	return to == end && back.at == back.start ? OK : damaged(TEXT("literals do not fill their bits"));
}

/** Four streams of equal shares, the lengths of the first three before them. */
static err_t
huffman_decode_four(struct zstd *zstd, u32 from, u32 len)
{
	u32 share = (zstd->nliterals + 3) / 4, at = from + 6, end = from + len;
	if (len < 10 || zstd->nliterals < 6)
		return damaged(TEXT("literals are cut off"));
	for (u32 i = 0; i < 4; i++) {
		u32 part = i < 3 ? bits_at(zstd->words, FIRST_BIT + 8 * (u64)(from + 2 * i), 16) : end - at;
		u32 n = i < 3 ? share : zstd->nliterals - 3 * share;
		if (part > end - at || 3 * share > zstd->nliterals)
			return damaged(TEXT("literals are cut off"));
		TRY(huffman_decode(zstd, at, part, i * share, n));
		at += part;
	}
	return OK;
}

static err_t
literals_plain(struct zstd *zstd, u32 *scoped at, bool run)
{
	if (range_exceeds(*at, run ? 1 : zstd->nliterals, zstd->block_len))
		return damaged(TEXT("literals are cut off"));
	struct byte_array *literals = zstd->literals;
	for (u32 i = 0; i < zstd->nliterals; i++)
		literals->items[i] = block_byte(zstd, run ? *at : *at + i);
	*at += run ? 1 : zstd->nliterals;
	return OK;
}

/** The literals section, from byte *at of the block on (RFC 8878, 3.1.1.3.1). */
static err_t
literals_read(struct zstd *zstd, u32 *scoped at)
{
	static const struct { u8 head, bits; } plain_sizes[4] = { { 1, 5 }, { 2, 12 }, { 1, 5 }, { 3, 20 } };
	static const struct { u8 head, bits; } coded_sizes[4] = { { 3, 10 }, { 3, 10 }, { 4, 14 }, { 5, 18 } };
	u32 head = block_byte(zstd, *at), kind = head & 3, format = head >> 2 & 3;
	u64 bit = FIRST_BIT + 8 * (u64)*at;
	zstd->literals_used = 0;
	if (kind == LITERALS_RAW || kind == LITERALS_RUN) {
		u32 skip = plain_sizes[format].bits == 5 ? 3 : 4;
		zstd->nliterals = bits_at(zstd->words, bit + skip, plain_sizes[format].bits);
		*at += plain_sizes[format].head;
		return zstd->nliterals <= zstd->block_max ? literals_plain(zstd, at, kind == LITERALS_RUN) : damaged(TEXT("a block has too many literals"));
	}
	u32 nbits = coded_sizes[format].bits, packed = bits_at(zstd->words, bit + 4 + nbits, nbits);
	zstd->nliterals = bits_at(zstd->words, bit + 4, nbits);
	*at += coded_sizes[format].head;
	if (zstd->nliterals > zstd->block_max || range_exceeds(*at, packed, zstd->block_len))
		return damaged(TEXT("a block has too many literals"));
	u32 end = *at + packed, from = *at;
	if (kind == LITERALS_HUFFMAN)
		TRY(huffman_read(zstd, &from));
	if (zstd->huffman_bits == 0 || from > end)
		return damaged(TEXT("a Huffman table is missing or damaged"));
	*at = end;
	return format == 0 ? huffman_decode(zstd, from, end - from, 0, zstd->nliterals) : huffman_decode_four(zstd, from, end - from);
}

/* --- sequences -------------------------------------------------------------------------------------------------- */

/** What a code of a length stands for: a base and extra bits (RFC 8878, 3.1.1.3.2.1.1). */
struct length_code { u32 base; u8 extra; };
static const struct length_code literal_codes[64] = {
	{ 0, 0 }, { 1, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 }, { 5, 0 }, { 6, 0 }, { 7, 0 }, { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 }, { 12, 0 }, { 13, 0 },
	{ 14, 0 }, { 15, 0 }, { 16, 1 }, { 18, 1 }, { 20, 1 }, { 22, 1 }, { 24, 2 }, { 28, 2 }, { 32, 3 }, { 40, 3 }, { 48, 4 }, { 64, 6 }, { 128, 7 },
	{ 256, 8 }, { 512, 9 }, { 1024, 10 }, { 2048, 11 }, { 4096, 12 }, { 8192, 13 }, { 16384, 14 }, { 32768, 15 }, { 65536, 16 },
};
static const struct length_code match_codes[64] = {
	{ 3, 0 }, { 4, 0 }, { 5, 0 }, { 6, 0 }, { 7, 0 }, { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 }, { 12, 0 }, { 13, 0 }, { 14, 0 }, { 15, 0 }, { 16, 0 },
	{ 17, 0 }, { 18, 0 }, { 19, 0 }, { 20, 0 }, { 21, 0 }, { 22, 0 }, { 23, 0 }, { 24, 0 }, { 25, 0 }, { 26, 0 }, { 27, 0 }, { 28, 0 }, { 29, 0 },
	{ 30, 0 }, { 31, 0 }, { 32, 0 }, { 33, 0 }, { 34, 0 }, { 35, 1 }, { 37, 1 }, { 39, 1 }, { 41, 1 }, { 43, 2 }, { 47, 2 }, { 51, 3 }, { 59, 3 },
	{ 67, 4 }, { 83, 4 }, { 99, 5 }, { 131, 7 }, { 259, 8 }, { 515, 9 }, { 1027, 10 }, { 2051, 11 }, { 4099, 12 }, { 8195, 13 }, { 16387, 14 },
	{ 32771, 15 }, { 65539, 16 },
};

/** The three tables in the order of their modes' bits: largest size, number of symbols, and the default distribution (RFC 8878, 3.1.1.3.2.2). */
struct table_kind { u32 bits_max, nsymbols, default_bits; i8 defaults[53]; };
static const struct table_kind table_kinds[3] = {
	{ 9, 36, 6, { 4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1 } },
	{ 8, 32, 5, { 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1 } },
	{ 9, 53, 6, { 1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		-1, -1, -1, -1, -1, -1, -1 } },
};
enum table_mode : u32 { TABLE_DEFAULT, TABLE_RUN, TABLE_CODED, TABLE_AGAIN };

static err_t
table_read(struct zstd *zstd, struct fse *fse, u32 kind, u32 mode, u32 *scoped at)
{
	const struct table_kind *table = ELEM(table_kinds, kind);
	if (mode == TABLE_AGAIN)
		return fse->valid ? OK : damaged(TEXT("there is no table to be used again"));
	if (mode == TABLE_CODED)
		return fse_read(zstd, fse, at, table->bits_max, table->nsymbols);
	if (mode == TABLE_RUN) {
		u32 symbol = block_byte(zstd, *at);
		*at += 1;
		fse_run(fse, symbol);
		return symbol < table->nsymbols ? OK : damaged(TEXT("a code stands for nothing"));
	}
	for (u32 i = 0; i < COUNTOF(table->defaults); i++)
		zstd->frequencies[i] = table->defaults[i];
	fse_make(zstd, fse, table->default_bits, COUNTOF(table->defaults));
	return OK;
}

static err_t
literals_copy(struct zstd *zstd, u32 n)
{
	struct byte_array *window = zstd->window, *literals = zstd->literals;
	u32 from = zstd->literals_used;
	if (n > zstd->nliterals - from || zstd->waiting + n > zstd->block_max)
		return damaged(TEXT("a block uses more literals than it has"));
	u32 first = MIN(n, zstd->size - zstd->at);
	if (n >= COPY_AT_ONCE) {
		struct bytes to = byte_array_bytes(window);
		struct cbytes text = bytes_const(bytes_sub(byte_array_bytes(literals), from, n));
		bytes_copy(bytes_from(to, zstd->at), cbytes_sub(text, 0, first));
		bytes_copy(to, cbytes_from(text, first));
	} else {
		u32 at = zstd->at;
		for (u32 i = 0; i < n; i++) {
			window->items[at] = literals->items[from + i];
			at = at + 1 < zstd->size ? at + 1 : 0;
		}
	}
	zstd->at = n >= zstd->size - zstd->at ? n - first : zstd->at + n;
	zstd->literals_used = from + n;
	zstd->waiting += n;
	zstd->position += n;
	return OK;
}

static err_t
match_copy(struct zstd *zstd, u32 distance, u32 n)
{
	struct byte_array *window = zstd->window;
	if (distance == 0 || distance > zstd->position || distance > zstd->window_size || n > zstd->block_max - zstd->waiting)
		return damaged(TEXT("a match reaches before the start or beyond the block"));
	u32 at = zstd->at, from = at >= distance ? at - distance : at + zstd->size - distance;
	zstd->waiting += n;
	zstd->position += n;
	if (n >= COPY_AT_ONCE && distance >= n && n <= zstd->size - at && n <= zstd->size - from) {
		struct bytes all = byte_array_bytes(window);
		bytes_copy(bytes_sub(all, at, n), bytes_const(bytes_sub(all, from, n)));
		zstd->at = n < zstd->size - at ? at + n : 0;
		return OK;
	}
	for (u32 i = 0; i < n; i++) {
		window->items[at] = window->items[from];
		at = at + 1 < zstd->size ? at + 1 : 0;
		from = from + 1 < zstd->size ? from + 1 : 0;
	}
	zstd->at = at;
	return OK;
}

/** The distance that an offset's value names: itself, or one of the last three; these move (RFC 8878, 3.1.1.5). */
static u32
distance_of(struct zstd *zstd, u32 value, u32 nliterals)
{
	u32 which = value > 3 ? 3 : value - 1 + (nliterals == 0 ? 1 : 0), distance = 0;
	if (value > 3)
		distance = value - 3;
	else
		distance = which < 3 ? zstd->repeat[which] : zstd->repeat[0] - 1;
	if (which >= 2)
		zstd->repeat[2] = zstd->repeat[1];
	if (which >= 1)
		zstd->repeat[1] = zstd->repeat[0];
	zstd->repeat[0] = distance;
	return distance;
}

static err_t
sequences_run(struct zstd *zstd, struct back *scoped back, u32 count)
{
	struct word_array *words = zstd->words;
	u32 literal_state = back_take(words, back, zstd->literal_lengths.bits), offset_state = back_take(words, back, zstd->offsets.bits);
	u32 match_state = back_take(words, back, zstd->match_lengths.bits);
	for (u32 i = 0; i < count; i++) {
		u32 offset_bits = fse_symbol(&zstd->offsets, offset_state) & 31;
		const struct length_code *match = ELEM(match_codes, fse_symbol(&zstd->match_lengths, match_state) & 63);
		const struct length_code *literal = ELEM(literal_codes, fse_symbol(&zstd->literal_lengths, literal_state) & 63);
		u32 value = (1u << offset_bits) + back_take(words, back, offset_bits);
		u32 len = match->base + back_take(words, back, match->extra), nliterals = literal->base + back_take(words, back, literal->extra);
		if (i + 1 < count) {
			literal_state = fse_next(&zstd->literal_lengths, words, back, literal_state);
			match_state = fse_next(&zstd->match_lengths, words, back, match_state);
			offset_state = fse_next(&zstd->offsets, words, back, offset_state);
		}
		TRY(literals_copy(zstd, nliterals));
		TRY(match_copy(zstd, distance_of(zstd, value, nliterals), len));
	}
	return back->at == back->start ? OK : damaged(TEXT("sequences do not fill their bits"));
}

/** The sequences section, to the block's end; then what literals are left. */
static err_t
sequences_read(struct zstd *zstd, u32 at)
{
	struct back back = {};
	if (at >= zstd->block_len)
		return damaged(TEXT("a block is cut off"));
	u32 count = block_byte(zstd, at);
	at += 1;
	if (count >= 128) {
		bool is_long = count == 255;
		count = is_long ? bits_at(zstd->words, FIRST_BIT + 8 * (u64)at, 16) + 0x7f00 : (count - 128) << 8 | block_byte(zstd, at);
		at += is_long ? 2 : 1;
	}
	if (count == 0)
		return at == zstd->block_len ? literals_copy(zstd, zstd->nliterals) : damaged(TEXT("a block goes on behind its end"));
	u32 modes = block_byte(zstd, at);
	at += 1;
	TRY(table_read(zstd, &zstd->literal_lengths, 0, modes >> 6, &at));
	TRY(table_read(zstd, &zstd->offsets, 1, modes >> 4 & 3, &at));
	TRY(table_read(zstd, &zstd->match_lengths, 2, modes >> 2 & 3, &at));
	if ((modes & 3) != 0 || at >= zstd->block_len)
		return damaged(TEXT("a block's tables are damaged"));
	TRY(back_open(zstd, at, zstd->block_len - at, &back));
	TRY(sequences_run(zstd, &back, count));
	return literals_copy(zstd, zstd->nliterals - zstd->literals_used);
}

/* --- blocks and frames ------------------------------------------------------------------------------------------ */

/** Reads the block into words. */
static err_t
block_load(struct zstd *zstd, struct input *input, u32 len)
{
	struct word_array *words = zstd->words;
	u64 chunk[64];
	u32 word = FIRST_BIT / 64;
	for (u32 at = 0; at < len; at += sizeof(chunk)) {
		bytes_fill(BYTES_OF(chunk), 0);
		u32 n = MIN(len - at, (u32)sizeof(chunk));
		if (input_read(input, bytes_sub(BYTES_OF(chunk), 0, n)) < n)
			return damaged(TEXT("the data is cut off"));
		for (u32 i = 0; i < COUNTOF(chunk); i++, word++)
			words->items[word] = chunk[i];
	}
	words->items[word] = 0;
	zstd->block_len = len;
	return OK;
}

static err_t
block_compressed(struct zstd *zstd, struct input *input, u32 len)
{
	u32 at = 0;
	TRY(block_load(zstd, input, len));
	TRY(literals_read(zstd, &at));
	return sequences_read(zstd, at);
}

/** A block's bytes as they are, or one byte again and again: through the literals. */
static err_t
block_plain(struct zstd *zstd, struct input *input, u32 len, bool run)
{
	struct bytes literals = bytes_sub(byte_array_bytes(zstd->literals), 0, len);
	if (run)
		bytes_fill(literals, input_byte(input));
	else if (input_read(input, literals) < len)
		return damaged(TEXT("the data is cut off"));
	zstd->nliterals = len;
	zstd->literals_used = 0;
	return literals_copy(zstd, len);
}

static err_t
block_decode(struct zstd *zstd, struct input *input)
{
	u32 low = input_byte(input), mid = input_byte(input), head = low | mid << 8 | (u32)input_byte(input) << 16;
	u32 kind = head >> 1 & 3, len = head >> 3;
	zstd->last = (head & 1) != 0;
	if (input->overrun != 0 || len > zstd->block_max || kind == BLOCK_RESERVED)
		return damaged(TEXT("a block's head is damaged"));
	zstd->given = zstd->at;
	return kind == BLOCK_COMPRESSED ? block_compressed(zstd, input, len) : block_plain(zstd, input, len, kind == BLOCK_RUN);
}

/** Shows the stream what was decoded, up to where the ring starts again. */
static void
hand_on(struct zstd *zstd, struct stream *stream)
{
	u32 n = MIN(zstd->waiting, zstd->size - zstd->given);
	stream->at = zstd->given;
	stream->end = zstd->given + n;
	if (zstd->has_checksum)
		xxh64_update(&zstd->checksum, bytes_const(bytes_sub(byte_array_bytes(zstd->window), zstd->given, n)));
	zstd->given = 0;
	zstd->waiting -= n;
}

static err_t
frame_finish(struct zstd *zstd, struct stream *stream)
{
	stream->at = stream->end = 0;
	stream->ended = true;
	if (zstd->content_size != SIZE_UNKNOWN && zstd->content_size != zstd->position)
		return damaged(TEXT("the frame has another size than it says"));
	if (zstd->has_checksum && input_u32(stream->input) != (u32)xxh64_finish(&zstd->checksum))
		return damaged(TEXT("the checksum is wrong"));
	return OK;
}

static err_t
zstd_more(struct stream *stream)
{
	struct zstd *zstd = zstd_from(stream->state);
	while (zstd->waiting == 0 && !zstd->last) {
		TRY(block_decode(zstd, stream->input));
		if (stream->input->overrun != 0)
			return damaged(TEXT("the data is cut off"));
	}
	if (zstd->waiting == 0)
		return frame_finish(zstd, stream);
	hand_on(zstd, stream);
	return OK;
}

static u64
number_take(struct input *input, u32 nbytes)
{
	u64 value = 0;
	for (u32 i = 0; i < nbytes; i++)
		value |= (u64)input_byte(input) << (8 * i);
	return value;
}

/** The frame's header (RFC 8878, 3.1.1.1), its magic number passed. */
static err_t
frame_start(struct zstd *zstd, struct input *input)
{
	static const u8 dictionary_bytes[4] = { 0, 1, 2, 4 }, content_bytes[4] = { 0, 2, 4, 8 };
	u32 flags = input_byte(input), content = content_bytes[flags >> 6];
	bool single = (flags & 0x20) != 0;
	u32 window = single ? 0 : input_byte(input);
	u64 dictionary = number_take(input, dictionary_bytes[flags & 3]);
	zstd->content_size = content != 0 ? number_take(input, content) + (content == 2 ? 256 : 0) : single ? number_take(input, 1) : SIZE_UNKNOWN;
	u64 base = (u64)1 << (10 + (window >> 3));
	zstd->window_size = single ? zstd->content_size : base + base / 8 * (window & 7);
	zstd->has_checksum = (flags & 4) != 0;
	if ((flags & 8) != 0 || dictionary != 0 || input->overrun != 0)
		return damaged(TEXT("the header is damaged, or asks for a dictionary"));
	return zstd->window_size <= WINDOW_MAX ? OK : damaged(TEXT("the window would take more than 128 MiB"));
}

static err_t
zstd_start(struct stream *stream)
{
	struct zstd *zstd = zstd_alloc();
	if (zstd == nullptr)
		return ENOMEM;
	stream->state = zstd_object(zstd);
	stream->state_put = zstd_state_put;
	(void)input_u32(stream->input);
	TRY(frame_start(zstd, stream->input));
	zstd->block_max = (u32)MIN(MAX(zstd->window_size, (u64)1), (u64)BLOCK_MAX);
	zstd->size = (u32)MIN(zstd->window_size, zstd->content_size) + BLOCK_MAX;
	zstd->words = word_array_alloc(BLOCK_MAX / 8 + 2 * FIRST_BIT / 64 + 64);
	zstd->literals = byte_array_alloc(BLOCK_MAX);
	zstd->window = stream->window = byte_array_alloc(zstd->size);
	if (zstd->words == nullptr || zstd->literals == nullptr || stream->window == nullptr)
		return ENOMEM;
	zstd->repeat[0] = 1;
	zstd->repeat[1] = 4;
	zstd->repeat[2] = 8;
	xxh64_start(&zstd->checksum);
	return OK;
}

const struct stream_ops zstd_stream = { .name = "zstd", .magic = { 0x28, 0xb5, 0x2f, 0xfd }, .magic_len = 4, .start = zstd_start, .more = zstd_more };
