// SPDX-License-Identifier: MPL-2.0
// Decompresses standard input to standard output by services/initramfs/decode: tests/decode/run.py compares that with what was compressed.
#include "../../services/initramfs/decode/stream.h"

void *realloc(void *p, size_t size);
i64 read(int fd, void *at, size_t n);
i64 write(int fd, const void *at, size_t n);
int main(void);

static u8 *input_data;
static size_t input_size;

static void
read_input(size_t off, struct bytes dst)
{
	if (range_exceeds(off, bytes_len(dst), input_size))
		bounds_trap();
	bytes_copy(dst, (struct cbytes){ input_data + off, bytes_len(dst) });
}

int
main(void)
{
	struct stream *stream = nullptr;
	for (i64 n = 1; n > 0; input_size += (size_t)n) {
		input_data = realloc(input_data, input_size + 65536);
		n = read(0, input_data + input_size, 65536);
	}
	err_t err = stream_open(read_input, 0, input_size, &stream);
	while (err == OK && (err = stream_fill(stream)) == OK && stream->at < stream->end) {
		struct bytes window = byte_array_bytes(stream->window);
		if (write(1, window.ptr + stream->at, stream->end - stream->at) != stream->end - stream->at)
			return 3;
		stream->at = stream->end;
	}
	if (err == OK && stream_end(stream) != input_size)
		return 4;   /* what follows was touched */
	if (stream != nullptr)
		stream_put(stream);
	return err == OK ? 0 : 1;
}
