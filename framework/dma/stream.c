// SPDX-License-Identifier: MPL-2.0
/** Buffers for one transfer after the other, filled and drained by copy (bounced) as long as no IOMMU translates. */
#include <arch/string.h>
#include <dma/dma_impl.h>

struct dma_stream {
	struct dma_buffer buffer;
	enum dma_dir dir;        /* [const] */
};

HANDLE_DEFINE(dma_stream, dma_buffer_gone);

err_t
dma_stream_alloc(size_t len, enum dma_dir dir, u64 limit, struct dma_stream **out)
{
	struct dma_buffer *buffer;

	if (dir > DMA_BOTH)
		return EINVAL;
	TRY(dma_buffer_create(&dma_stream_handle_type, len, limit, &buffer));
	/* SAFETY: a stream begins with its buffer, and the type is a stream's. */
	struct dma_stream *stream = (struct dma_stream *)buffer;
	stream->dir = dir;
	*out = stream;
	return OK;
}

void
dma_stream_free(struct dma_stream *stream)
{
	heap_put(&dma_stream_handle_type, (struct object *)stream);
}

daddr_t dma_stream_daddr(struct dma_stream *stream) { return dma_buffer_daddr((const struct dma_buffer *)stream); }

/** Where a copy goes that the stream must not be `against`. Inline: a trap's back trace begins at the service. */
[[gnu::always_inline]] static inline u8 *
dma_stream_at(struct dma_stream *stream, size_t off, size_t len, enum dma_dir against)
{
	u8 *at = dma_buffer_at((struct dma_buffer *)stream, off, len);

	if (at == nullptr)
		misuse("access beyond a DMA buffer, or after its release");
	if (stream->dir == against)
		misuse("access against the direction of a DMA buffer");
	return at;
}

/* SAFETY, for the copies below: the stream's side lies in frames that are for DMA for ever (dma_stream_at), so it needs
 * no pin; a slice may fault, and nothing is held then; a frame's side is checked by frame_read and frame_write. */
void
dma_stream_fill(struct dma_stream *stream, size_t off, struct cbytes src)
{
	memcpy(dma_stream_at(stream, off, src.len, DMA_FROM_DEVICE), src.ptr, src.len);
}

void
dma_stream_fill_frame(struct dma_stream *stream, size_t off, struct frame *frame, size_t frame_off, size_t len)
{
	frame_read(frame, frame_off, (struct bytes){ dma_stream_at(stream, off, len, DMA_FROM_DEVICE), len });
}

void
dma_stream_drain(struct dma_stream *stream, size_t off, struct bytes dst)
{
	memcpy(dst.ptr, dma_stream_at(stream, off, dst.len, DMA_TO_DEVICE), dst.len);
}

void
dma_stream_drain_frame(struct dma_stream *stream, size_t off, struct frame *frame, size_t frame_off, size_t len)
{
	frame_write(frame, frame_off, (struct cbytes){ dma_stream_at(stream, off, len, DMA_TO_DEVICE), len });
}
