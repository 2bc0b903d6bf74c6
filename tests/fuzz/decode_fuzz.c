// SPDX-License-Identifier: MPL-2.0
// source: services/initramfs/decode/stream.c
// source: services/initramfs/decode/inflate.c
// source: services/initramfs/decode/xz.c
// source: services/initramfs/decode/lzma.c
// source: services/initramfs/decode/zstd.c
// source: services/initramfs/decode/checksum.c
// source: framework/object/slice.c
// source: tests/fuzz/heap_env.c
// Anything as a compressed stream: it is decoded, or refused, without an access out of bounds or a leak. A bomb is cut off.
#include "../../services/initramfs/decode/stream.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 *input_data;
static size_t input_size;

static void
read_input(size_t off, struct bytes dst)
{
	if (range_exceeds(off, bytes_len(dst), input_size))
		bounds_trap();
	bytes_copy(dst, (struct cbytes){ input_data + off, bytes_len(dst) });
}

int
LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct stream *stream = nullptr;
	u64 total = 0;
	input_data = data;
	input_size = size;
	if (stream_open(read_input, 0, size, &stream) != OK)
		return 0;
	while (stream_fill(stream) == OK && stream->at < stream->end && total < 1 << 22) {
		total += stream->end - stream->at;
		stream->at = stream->end;
	}
	stream_put(stream);
	return 0;
}
