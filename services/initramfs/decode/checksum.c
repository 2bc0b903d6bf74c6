// SPDX-License-Identifier: MPL-2.0
// Checksums: CRCs by eight tables, so that eight bytes take one step; XXH64.
#include <cadre/atomic.h>

#include "checksum.h"

enum : u64 { CRC32_POLYNOMIAL = 0xedb88320, CRC64_POLYNOMIAL = 0xc96c5795d7870f42 };
enum : u32 { BLOCK_WORDS = 64 };

/** tables[k][b]: what byte b becomes with k bytes behind it. [once made] by whoever needs it first; all make the same. */
struct crc_table { u64 tables[8][256]; struct atomic32 made; };
static struct crc_table crc32_table, crc64_table;

static void
crc_table_make(struct crc_table *table, u64 polynomial)
{
	if (atomic32_load_acquire(&table->made) != 0)
		return;
	for (u32 byte = 0; byte < 256; byte++) {
		u64 crc = byte;
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
		table->tables[0][byte] = crc;
	}
	for (u32 byte = 0; byte < 256; byte++) {
		for (u32 k = 1; k < 8; k++) {
			u64 before = table->tables[k - 1][byte];
			table->tables[k][byte] = before >> 8 ^ table->tables[0][before & 255];
		}
	}
	atomic32_store_release(&table->made, 1);
}

static u64
crc_step(const struct crc_table *table, u64 x)
{
	return table->tables[7][x & 255] ^ table->tables[6][x >> 8 & 255] ^ table->tables[5][x >> 16 & 255] ^ table->tables[4][x >> 24 & 255] ^
		table->tables[3][x >> 32 & 255] ^ table->tables[2][x >> 40 & 255] ^ table->tables[1][x >> 48 & 255] ^ table->tables[0][x >> 56];
}

static u64
crc_update(const struct crc_table *table, u64 crc, struct cbytes data)
{
	u64 block[BLOCK_WORDS];
	size_t at = 0, len = cbytes_len(data);
	for (; len - at >= sizeof(block); at += sizeof(block)) {
		bytes_copy(BYTES_OF(block), cbytes_sub(data, at, sizeof(block)));
		for (u32 i = 0; i < BLOCK_WORDS; i++)
			crc = crc_step(table, crc ^ block[i]);
	}
	for (; at < len; at++)
		crc = crc >> 8 ^ table->tables[0][(crc ^ cbytes_get(data, at)) & 255];
	return crc;
}

u32
crc32_update(u32 crc, struct cbytes data)
{
	crc_table_make(&crc32_table, CRC32_POLYNOMIAL);
	return ~(u32)crc_update(&crc32_table, ~crc, data);
}

u64
crc64_update(u64 crc, struct cbytes data)
{
	crc_table_make(&crc64_table, CRC64_POLYNOMIAL);
	return ~crc_update(&crc64_table, ~crc, data);
}

enum : u64 {
	XXH_1 = 0x9E3779B185EBCA87, XXH_2 = 0xC2B2AE3D27D4EB4F, XXH_3 = 0x165667B19E3779F9, XXH_4 = 0x85EBCA77C2B2AE63,
	XXH_5 = 0x27D4EB2F165667C5,
};

static u64 rotate(u64 x, u32 n) { return x << n | x >> (64 - n); }
static u64 xxh_round(u64 lane, u64 word) { return rotate(lane + word * XXH_2, 31) * XXH_1; }
static u64 xxh_merge(u64 hash, u64 lane) { return (hash ^ xxh_round(0, lane)) * XXH_1 + XXH_4; }

void
xxh64_start(struct xxh64 *scoped state)
{
	*state = (struct xxh64){ .lanes = { XXH_1 + XXH_2, XXH_2, 0, -XXH_1 } };
}

static void
xxh_block(struct xxh64 *scoped state)
{
	for (u32 i = 0; i < 4; i++)
		state->lanes[i] = xxh_round(state->lanes[i], state->block[i]);
}

void
xxh64_update(struct xxh64 *scoped state, struct cbytes data)
{
	state->len += cbytes_len(data);
	for (size_t at = 0; at < cbytes_len(data);) {
		size_t n = MIN(sizeof(state->block) - state->filled, cbytes_len(data) - at);
		bytes_copy(bytes_from(BYTES_OF(state->block), state->filled), cbytes_sub(data, at, n));
		at += n;
		state->filled += (u32)n;
		if (state->filled == sizeof(state->block)) {
			xxh_block(state);
			state->filled = 0;
		}
	}
}

/** The last bytes, fewer than a block: by eights, a four, and ones. */
static u64
xxh_tail(const struct xxh64 *scoped state, u64 hash)
{
	u32 word = 0, left = state->filled;
	for (; left >= 8; left -= 8, word++)
		hash = rotate(hash ^ xxh_round(0, state->block[word & 3]), 27) * XXH_1 + XXH_4;
	u64 rest = state->block[word & 3];
	if (left >= 4) {
		hash = rotate(hash ^ (rest & 0xffffffff) * XXH_1, 23) * XXH_2 + XXH_3;
		rest >>= 32;
		left -= 4;
	}
	for (; left > 0; left--, rest >>= 8)
		hash = rotate(hash ^ (rest & 255) * XXH_5, 11) * XXH_1;
	return hash;
}

u64
xxh64_finish(const struct xxh64 *scoped state)
{
	u64 hash = state->lanes[2] + XXH_5;
	if (state->len >= sizeof(state->block)) {
		hash = rotate(state->lanes[0], 1) + rotate(state->lanes[1], 7) + rotate(state->lanes[2], 12) + rotate(state->lanes[3], 18);
		for (u32 i = 0; i < 4; i++)
			hash = xxh_merge(hash, state->lanes[i]);
	}
	hash = xxh_tail(state, hash + state->len);
	hash = (hash ^ hash >> 33) * XXH_2;
	hash = (hash ^ hash >> 29) * XXH_3;
	return hash ^ hash >> 32;
}
