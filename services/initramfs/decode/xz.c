// SPDX-License-Identifier: MPL-2.0
/**
 * Unxz: the xz container around LZMA2, with the x86 filter and CRC checks.
 *
 * Source: the .xz file format, version 1.1.0. Other filters and SHA-256 are refused, as by Linux for its own initrd.
 */
#include "checksum.h"
#include "lzma.h"

enum : u32 {
	HEADER_MAX = 1024, DICTIONARY_MAX = (u32)64 << 20,
	FILTER_WINDOW = 65536 + 16,
	CHECK_NONE = 0, CHECK_CRC32 = 1, CHECK_CRC64 = 4,
};
enum : u64 { FILTER_X86 = 4, FILTER_LZMA2 = 0x21, SIZE_UNKNOWN = ~(u64)0 };

/** The x86 filter: addresses of calls and jumps were made absolute so that they compress better. */
struct branches {
	u32 position;                       /* of the next byte that is not converted yet */
	u32 history;                        /* bit k: k + 1 bytes before stands a branch's first byte that was none */
};

struct xz {
	struct lzma2 *lzma2;                /* counted; null before the first block */
	u32 dictionary;                     /* its size */
	u32 check;                          /* enum CHECK_… */
	bool in_block, filtered;
	struct branches branches;
	u32 tail;                           /* bytes at the window's end that wait for what comes behind them */
	u64 block_start, block_header, unpacked;   /* offset in the input; bytes; bytes given so far */
	u64 packed_size, unpacked_size;     /* what the header says, or SIZE_UNKNOWN */
	u32 crc32; u64 crc64;
	u64 blocks; u32 index_crc;          /* what the index must say */
	u8 header[HEADER_MAX];
};
OBJECT_DECLARE(xz);

static void
xz_release(struct xz *xz)
{
	if (xz->lzma2 != nullptr)
		lzma2_put(xz->lzma2);
}
OBJECT_DEFINE_RELEASE(xz);

static void xz_state_put(struct object *state) { xz_put(xz_from(state)); }

static err_t
damaged(struct cbytes what)
{
	log_error("xz: {}", what);
	return EINVAL;
}

static u32
u32_at(struct cbytes text, size_t at)
{
	return (u32)cbytes_get(text, at) | (u32)cbytes_get(text, at + 1) << 8 | (u32)cbytes_get(text, at + 2) << 16 | (u32)cbytes_get(text, at + 3) << 24;
}

/** A number in groups of seven bits, from `text` at *at on. => false: it goes on beyond the end or is too long */
static bool
number_parse(struct cbytes text, size_t *scoped at, u64 *scoped value)
{
	*value = 0;
	for (u32 shift = 0; shift < 63 && *at < cbytes_len(text); shift += 7) {
		u8 byte = cbytes_get(text, *at);
		*at += 1;
		*value |= (u64)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return byte != 0 || shift == 0;
	}
	return false;
}

/** The same from the input; `crc` goes over its bytes. */
static bool
number_take(struct input *input, u32 *scoped crc, u64 *scoped value)
{
	u8 text[9] = {};
	u32 n = 0;
	do {
		text[n] = input_byte(input);
		n++;
	} while (n < sizeof(text) && (text[n - 1] & 0x80) != 0);
	size_t at = 0;
	*crc = crc32_update(*crc, cbytes_sub(CBYTES_OF(text), 0, n));
	return number_parse(cbytes_sub(CBYTES_OF(text), 0, n), &at, value);
}

static bool
is_edge(u8 byte)
{
	return byte == 0 || byte == 0xff;
}

/** The address that a branch's operand stood for before the filter. */
static u32
branch_relative(u32 operand, u32 behind, u32 ignored)
{
	u32 address = operand - behind;
	while (ignored != 0 && is_edge((u8)(address >> (24 - 8 * ignored))))
		address = (address ^ ((1u << (32 - 8 * ignored)) - 1)) - behind;
	/* 25 bits count; their sign fills the rest. */
	address &= 0x1ffffff;
	return address | -(address & 0x1000000);
}

/** Converts one branch, if at place `at` of text is one. => whether it did */
static bool
branch_convert(const struct branches *scoped branches, struct bytes text, u32 at)
{
	static const u8 ignore[8] = { 0, 1, 2, 0, 3 };
	u32 history = branches->history & 7, ignored = ignore[history];
	if ((history & (history - 1)) != 0 || (ignored != 0 && is_edge(bytes_get(text, at + 4 - ignored))) || !is_edge(bytes_get(text, at + 4)))
		return false;
	u32 address = branch_relative(u32_at(bytes_const(text), at + 1), branches->position + 5, ignored);
	for (u32 i = 0; i < 4; i++)
		bytes_set(text, at + 1 + i, (u8)(address >> (8 * i)));
	return true;
}

/** Converts what can be: the last 4 bytes may belong to a branch that goes on. => how many bytes are done */
static u32
branches_convert(struct branches *scoped branches, struct bytes text)
{
	u32 at = 0, len = (u32)bytes_len(text);
	while (at + 4 < len) {
		bool opcode = (bytes_get(text, at) & 0xfe) == 0xe8;
		u32 done = 1;
		if (opcode && branch_convert(branches, text, at)) {
			branches->history = 0;
			done = 5;
		} else {
			branches->history = branches->history << 1 | opcode;
		}
		at += done;
		branches->position += done;
	}
	return at;
}

static err_t
filter_parse(struct xz *xz, struct cbytes header, size_t *scoped at, bool last)
{
	u64 id = 0, len = 0;
	if (!number_parse(header, at, &id) || !number_parse(header, at, &len) || range_exceeds(*at, len, cbytes_len(header)))
		return damaged(TEXT("a block's header is damaged"));
	struct cbytes properties = cbytes_sub(header, *at, len);
	*at += len;
	if (last && id == FILTER_LZMA2 && len == 1) {
		u32 bits = cbytes_get(properties, 0);
		u64 size = bits > 40 ? ~(u64)0 : (u64)(2 | (bits & 1)) << (bits / 2 + 11);
		xz->dictionary = (u32)MIN(size, (u64)DICTIONARY_MAX);
		return size <= DICTIONARY_MAX ? OK : damaged(TEXT("the dictionary would take more than 64 MiB"));
	}
	if (last || id != FILTER_X86 || xz->filtered || (len != 0 && len != 4))
		return damaged(TEXT("a filter other than x86 and LZMA2"));
	xz->filtered = true;
	xz->branches = (struct branches){ .position = len == 4 ? u32_at(properties, 0) : 0 };
	return OK;
}

/** What the block's header says, its CRC apart. */
static err_t
block_parse(struct xz *xz, struct cbytes header)
{
	u32 flags = cbytes_get(header, 1), nfilters = (flags & 3) + 1;
	size_t at = 2;
	xz->packed_size = xz->unpacked_size = SIZE_UNKNOWN;
	xz->filtered = false;
	if ((flags & 0x3c) != 0 || ((flags & 0x40) != 0 && !number_parse(header, &at, &xz->packed_size)) ||
	    ((flags & 0x80) != 0 && !number_parse(header, &at, &xz->unpacked_size)))
		return damaged(TEXT("a block's header is damaged"));
	for (u32 i = 0; i < nfilters; i++)
		TRY(filter_parse(xz, header, &at, i + 1 == nfilters));
	for (; at < cbytes_len(header); at++) {
		if (cbytes_get(header, at) != 0)
			return damaged(TEXT("a block's header is damaged"));
	}
	return OK;
}

/** The decoder for the block, and the window that the stream shows: the dictionary itself, but a copy where it is filtered. */
static err_t
block_prepare(struct xz *xz, struct stream *stream, u32 dictionary_before)
{
	if (xz->lzma2 != nullptr && xz->dictionary > dictionary_before) {
		lzma2_put(xz->lzma2);
		xz->lzma2 = nullptr;
	}
	if (xz->lzma2 == nullptr)
		xz->lzma2 = lzma2_create(xz->dictionary);
	else
		xz->dictionary = dictionary_before;
	if (xz->lzma2 == nullptr)
		return ENOMEM;
	lzma2_reset(xz->lzma2);
	if (stream->window != nullptr)
		byte_array_put(stream->window);
	stream->window = xz->filtered ? byte_array_alloc(FILTER_WINDOW) : lzma2_window(xz->lzma2);
	if (stream->window == nullptr)
		return ENOMEM;
	if (!xz->filtered)
		byte_array_get(stream->window);
	return OK;
}

static err_t
block_start(struct xz *xz, struct stream *stream, u32 size_byte)
{
	struct input *input = stream->input;
	u32 len = size_byte * 4, dictionary_before = xz->dictionary;
	struct bytes header = bytes_sub(BYTES_OF(xz->header), 0, len);
	bytes_set(header, 0, (u8)size_byte);
	if (input_read(input, bytes_from(header, 1)) < len - 1)
		return damaged(TEXT("the data is cut off"));
	if (crc32_update(0, bytes_const(header)) != input_u32(input))
		return damaged(TEXT("a block's header has the wrong checksum"));
	TRY(block_parse(xz, bytes_const(header)));
	xz->block_header = len + 4;
	xz->block_start = input_offset(input);
	xz->unpacked = 0;
	xz->crc32 = 0;
	xz->crc64 = 0;
	xz->tail = 0;
	xz->in_block = true;
	return block_prepare(xz, stream, dictionary_before);
}

/** Over the two numbers that the index has of a block. */
static u32
record_crc(u32 crc, u64 unpadded, u64 unpacked)
{
	u64 record[2] = { unpadded, unpacked };
	return crc32_update(crc, CBYTES_OF(record));
}

static err_t
block_finish(struct xz *xz, struct input *input)
{
	u64 packed = input_offset(input) - xz->block_start, check_size = xz->check == CHECK_NONE ? 0 : xz->check == CHECK_CRC32 ? 4 : 8;
	for (u64 i = packed; (i & 3) != 0; i++) {
		if (input_byte(input) != 0)
			return damaged(TEXT("a block's padding is not zero"));
	}
	if ((xz->packed_size != SIZE_UNKNOWN && xz->packed_size != packed) || (xz->unpacked_size != SIZE_UNKNOWN && xz->unpacked_size != xz->unpacked))
		return damaged(TEXT("a block has another size than it says"));
	u64 low = check_size > 0 ? input_u32(input) : 0, check = low | (check_size > 4 ? (u64)input_u32(input) << 32 : 0);
	if ((xz->check == CHECK_CRC32 && check != xz->crc32) || (xz->check == CHECK_CRC64 && check != xz->crc64))
		return damaged(TEXT("a block's checksum is wrong"));
	xz->blocks += 1;
	xz->index_crc = record_crc(xz->index_crc, xz->block_header + packed + check_size, xz->unpacked);
	xz->in_block = false;
	return OK;
}

static void
checks_update(struct xz *xz, struct cbytes data)
{
	xz->unpacked += cbytes_len(data);
	if (xz->check == CHECK_CRC32)
		xz->crc32 = crc32_update(xz->crc32, data);
	if (xz->check == CHECK_CRC64)
		xz->crc64 = crc64_update(xz->crc64, data);
}

/** Through the filter: the new bytes go behind the tail that waited for them. At a block's end the tail is done as it is. */
static void
filter_more(struct xz *xz, struct stream *stream, u32 at, u32 end)
{
	struct bytes window = byte_array_bytes(stream->window);
	u32 before = stream->end, len = xz->tail + end - at;
	bytes_copy(window, bytes_const(bytes_sub(window, before, xz->tail)));
	bytes_copy(bytes_from(window, xz->tail), bytes_const(bytes_sub(byte_array_bytes(lzma2_window(xz->lzma2)), at, end - at)));
	u32 done = at == end ? len : branches_convert(&xz->branches, bytes_sub(window, 0, len));
	stream->at = 0;
	stream->end = done;
	xz->tail = len - done;
}

static err_t
block_more(struct xz *xz, struct stream *stream)
{
	u32 at = 0, end = 0;
	TRY(lzma2_more(xz->lzma2, stream->input, &at, &end));
	if (xz->filtered) {
		filter_more(xz, stream, at, end);
	} else {
		stream->at = at;
		stream->end = end;
	}
	checks_update(xz, bytes_const(bytes_sub(byte_array_bytes(stream->window), stream->at, stream->end - stream->at)));
	return at == end ? block_finish(xz, stream->input) : OK;
}

/** The list of blocks behind them, which must agree with what was read, and the footer. */
static err_t
index_check(struct xz *xz, struct input *input)
{
	u64 start = input_offset(input) - 1, n = 0, unpadded = 0, unpacked = 0;
	u8 footer[12] = {}, zero = 0;
	u32 crc = crc32_update(0, CBYTES_OF(zero)), records = 0;
	if (!number_take(input, &crc, &n) || n != xz->blocks)
		return damaged(TEXT("the index has another number of blocks"));
	for (; n > 0; n--) {
		if (!number_take(input, &crc, &unpadded) || !number_take(input, &crc, &unpacked))
			return damaged(TEXT("the index is damaged"));
		records = record_crc(records, unpadded, unpacked);
	}
	while ((input_offset(input) - start & 3) != 0) {
		u8 padding = input_byte(input);
		crc = crc32_update(crc, CBYTES_OF(padding));
		if (padding != 0 || input->overrun != 0)
			return damaged(TEXT("the index is damaged"));
	}
	u64 size = input_offset(input) - start + 4;
	if (records != xz->index_crc || crc != input_u32(input))
		return damaged(TEXT("the index is damaged"));
	struct cbytes text = CBYTES_OF(footer);
	if (input_read(input, BYTES_OF(footer)) < sizeof(footer) || crc32_update(0, cbytes_sub(text, 4, 6)) != u32_at(text, 0) ||
	    ((u64)u32_at(text, 4) + 1) * 4 != size || footer[8] != 0 || footer[9] != xz->check || footer[10] != 'Y' || footer[11] != 'Z')
		return damaged(TEXT("the footer is damaged"));
	return OK;
}

static err_t
xz_more(struct stream *stream)
{
	struct xz *xz = xz_from(stream->state);
	if (xz->in_block)
		return block_more(xz, stream);
	stream->at = stream->end = 0;
	u32 size_byte = input_byte(stream->input);
	if (stream->input->overrun != 0)
		return damaged(TEXT("the data is cut off"));
	if (size_byte != 0)
		return block_start(xz, stream, size_byte);
	stream->ended = true;
	return index_check(xz, stream->input);
}

static err_t
xz_start(struct stream *stream)
{
	u8 header[12] = {};
	struct xz *xz = xz_alloc();
	if (xz == nullptr)
		return ENOMEM;
	stream->state = xz_object(xz);
	stream->state_put = xz_state_put;
	struct cbytes text = CBYTES_OF(header);
	if (input_read(stream->input, BYTES_OF(header)) < sizeof(header) || crc32_update(0, cbytes_sub(text, 6, 2)) != u32_at(text, 8) || header[6] != 0)
		return damaged(TEXT("the header is damaged"));
	xz->check = header[7];
	if (xz->check != CHECK_NONE && xz->check != CHECK_CRC32 && xz->check != CHECK_CRC64)
		return damaged(TEXT("the check is none of CRC32 and CRC64"));
	return OK;
}

const struct stream_ops xz_stream = { .name = "xz", .magic = { 0xfd, '7', 'z', 'X', 'Z', 0 }, .magic_len = 6, .start = xz_start, .more = xz_more };
