// SPDX-License-Identifier: MPL-2.0
/**
 * Streams: bytes that come out of a plain or compressed stretch of memory, a window at a time.
 *
 * A decoder (inflate.c, xz.c, zstd.c) is a `struct stream_ops`. It reads its `struct input` and leaves what it has decoded in the
 * stream's window, from where the user takes it before more is decoded. One task uses a stream; it has no lock.
 */
#pragma once

#include <cadre/log.h>
#include <cadre/object.h>

/** Fills dst from offset `off` of what the stream is made of; boot_initrd_read is one. */
typedef void input_fn(size_t off, struct bytes dst);

enum : u32 { INPUT_SIZE = 32768, INPUT_MASK = INPUT_SIZE - 1, INPUT_UNREAD = 8 };

/** Compressed bytes, read ahead a buffer at a time. Behind the end come zeroes; `overrun` counts those that were taken. */
struct input {
	u8 bytes[INPUT_SIZE];
	u32 at, end;                        /* the next byte in `bytes`, and the end of what is there */
	u32 overrun;
	input_fn *fn;                       /* [const] */
	u64 next, limit;                    /* offset of what is read next; end of all */
};
OBJECT_DECLARE(input);

/** Reads until `n` (at most 64) bytes lie in the buffer, or all that there are. The last 8 taken stay for input_unread. */
void input_fill(struct input *input, u32 n);

static inline u8
input_byte(struct input *input)
{
	if (input->at >= input->end)
		input_fill(input, 1);
	if (input->at >= input->end) {
		input->overrun += 1;
		return 0;
	}
	input->at += 1;
	return input->bytes[(input->at - 1) & INPUT_MASK];
}

static inline u32
input_u32(struct input *input)
{
	if (input->end - input->at >= 4) {
		u32 at = input->at;
		input->at = at + 4;
		return (u32)input->bytes[at & INPUT_MASK] | (u32)input->bytes[(at + 1) & INPUT_MASK] << 8 |
			(u32)input->bytes[(at + 2) & INPUT_MASK] << 16 | (u32)input->bytes[(at + 3) & INPUT_MASK] << 24;
	}
	u32 value = 0;
	for (u32 shift = 0; shift < 32; shift += 8)
		value |= (u32)input_byte(input) << shift;
	return value;
}

/** Gives back the last `n` (at most 8) bytes taken. */
void input_unread(struct input *input, u32 n);
/** Copies as many bytes as there are, at most dst's length. => how many */
size_t input_read(struct input *input, struct bytes dst);
/** Offset of the next byte in the source. */
u64 input_offset(const struct input *input);

struct stream;
struct stream_ops {
	u8 name[8];
	u8 magic[8]; u32 magic_len;
	/** Reads the head and makes the state. => EINVAL, ENOMEM */
	err_t (*start)(struct stream *stream);
	/** The window is empty: decodes some more into it and sets `at` and `end`, or `ended`. => EINVAL where the data is damaged */
	err_t (*more)(struct stream *stream);
};
extern const struct stream_ops plain_stream, gzip_stream, xz_stream, zstd_stream;

struct stream {
	const struct stream_ops *ops;       /* [const] */
	struct input *input;                /* [const] counted */
	struct object *state;               /* the decoder's; counted by it; put by stream_put through its own type */
	void (*state_put)(struct object *state);
	struct byte_array *window;          /* counted; set by `start` */
	u32 at, end;                        /* decoded and not yet taken */
	bool ended;
};
OBJECT_DECLARE(stream);

/**
 * A stream of what begins at `off`, by the magic number that stands there; what starts with none of them is plain.
 * => ENOMEM; EINVAL: its head is damaged, or asks for what this decoder lacks (logged)
 */
err_t stream_open(input_fn *fn, u64 off, u64 limit, struct stream **scoped out);
/** Sees to it that the window has a byte, unless the stream has ended. => EINVAL (logged), ENOMEM */
err_t stream_fill(struct stream *stream);
/** Takes up to dst's length. *done is less only at the end. => as above */
err_t stream_read(struct stream *stream, struct bytes dst, size_t *scoped done);
/** Where in the source the stream has ended: everything of it has been read. */
u64 stream_end(struct stream *stream);
