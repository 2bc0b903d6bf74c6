// SPDX-License-Identifier: MPL-2.0
// Streams: which decoder it takes, reading, and the one for what is not compressed.
#include "stream.h"

OBJECT_DEFINE(input);

static void
stream_release(struct stream *stream)
{
	if (stream->state != nullptr)
		stream->state_put(stream->state);
	if (stream->window != nullptr)
		byte_array_put(stream->window);
	if (stream->input != nullptr)
		input_put(stream->input);
}
OBJECT_DEFINE_RELEASE(stream);

void
input_fill(struct input *input, u32 n)
{
	u32 left = input->end - input->at;
	if (left >= n || input->next >= input->limit)
		return;
	u32 keep = MIN(input->at, (u32)INPUT_UNREAD) + left;
	struct bytes all = BYTES_OF(input->bytes);
	bytes_copy(all, bytes_const(bytes_sub(all, input->end - keep, keep)));
	u64 more = MIN((u64)(INPUT_SIZE - keep), input->limit - input->next);
	input->fn(input->next, bytes_sub(all, keep, more));
	input->next += more;
	input->at = keep - left;
	input->end = keep + (u32)more;
}

void
input_unread(struct input *input, u32 n)
{
	u32 beyond = MIN(n, input->overrun);
	assert(n - beyond <= input->at);
	input->overrun -= beyond;
	input->at -= n - beyond;
}

size_t
input_read(struct input *input, struct bytes dst)
{
	size_t done = 0;
	while (done < bytes_len(dst)) {
		input_fill(input, 1);
		size_t n = MIN((size_t)(input->end - input->at), bytes_len(dst) - done);
		if (n == 0)
			break;
		bytes_copy(bytes_from(dst, done), bytes_const(bytes_sub(BYTES_OF(input->bytes), input->at, n)));
		input->at += (u32)n;
		done += n;
	}
	return done;
}

u64
input_offset(const struct input *input)
{
	return input->next - (input->end - input->at);
}

enum : u32 { PLAIN_WINDOW = 65536 };

static err_t
plain_start(struct stream *stream)
{
	stream->window = byte_array_alloc(PLAIN_WINDOW);
	return stream->window != nullptr ? OK : ENOMEM;
}

static err_t
plain_more(struct stream *stream)
{
	stream->at = 0;
	stream->end = (u32)input_read(stream->input, byte_array_bytes(stream->window));
	stream->ended = stream->end == 0;
	return OK;
}

const struct stream_ops plain_stream = { .name = "plain", .start = plain_start, .more = plain_more };

static const struct stream_ops *const formats[] = { &gzip_stream, &xz_stream, &zstd_stream };

static const struct stream_ops *
format_of(struct input *input)
{
	input_fill(input, 8);
	u32 there = input->end - input->at;
	for (u32 i = 0; i < COUNTOF(formats); i++) {
		const struct stream_ops *ops = formats[i];
		u32 n = MIN(ops->magic_len, (u32)sizeof(ops->magic));
		if (there >= n && cbytes_equal(bytes_const(bytes_sub(BYTES_OF(input->bytes), input->at, n)), cbytes_sub(CBYTES_OF(ops->magic), 0, n)))
			return ops;
	}
	return &plain_stream;
}

err_t
stream_open(input_fn *fn, u64 off, u64 limit, struct stream **scoped out)
{
	REF_SCOPE(stream, stream);
	stream = stream_alloc();
	if (stream == nullptr)
		return ENOMEM;
	stream->input = input_alloc();
	if (stream->input == nullptr)
		return ENOMEM;
	stream->input->fn = fn;
	stream->input->next = off;
	stream->input->limit = limit;
	stream->ops = format_of(stream->input);
	TRY(stream->ops->start(stream));
	*out = stream;
	stream = nullptr;
	return OK;
}

err_t
stream_fill(struct stream *stream)
{
	while (stream->at >= stream->end && !stream->ended)
		TRY(stream->ops->more(stream));
	return OK;
}

err_t
stream_read(struct stream *stream, struct bytes dst, size_t *scoped done)
{
	*done = 0;
	while (*done < bytes_len(dst)) {
		TRY(stream_fill(stream));
		size_t n = MIN((size_t)(stream->end - stream->at), bytes_len(dst) - *done);
		if (n == 0)
			break;
		bytes_copy(bytes_from(dst, *done), bytes_const(bytes_sub(byte_array_bytes(stream->window), stream->at, n)));
		stream->at += (u32)n;
		*done += n;
	}
	return OK;
}

/** Plain bytes that were read ahead and not taken are not part of the stream. */
u64
stream_end(struct stream *stream)
{
	return input_offset(stream->input) - (stream->ops == &plain_stream ? stream->end - stream->at : 0);
}
