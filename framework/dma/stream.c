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
	err_t err = EINVAL;
	struct dma_stream *stream = dir <= DMA_BOTH ? (struct dma_stream *)dma_buffer_create(&dma_stream_handle_type, len, limit, &err) : nullptr;

	if (stream != nullptr) {
		stream->dir = dir;
		*out = stream;
	}
	return err;
}

void
dma_stream_free(struct dma_stream *stream)
{
	heap_put(&dma_stream_handle_type, (struct object *)stream);
}

daddr_t
dma_stream_daddr(struct dma_stream *stream)
{
	return dma_buffer_daddr((const struct dma_buffer *)stream);
}

/** Where a copy goes that the stream must not be `against`. Inline: a trap's back trace begins at the service. */
[[gnu::always_inline]] static inline u8 *
dma_stream_at(struct dma_stream *stream, size_t off, size_t len, enum dma_dir against)
{
	u8 *at = stream != nullptr ? dma_buffer_at(&stream->buffer, off, len) : nullptr;

	if (at == nullptr)
		misuse("access beyond a DMA buffer, or after its release");
	if (stream->dir == against)
		misuse("access against the direction of a DMA buffer");
	return at;
}

/** The frame's memory at `off`, pinned. */
[[gnu::always_inline]] static inline u8 *
dma_frame_pin(struct frame *frame, size_t off, size_t len)
{
	if (range_exceeds(off, len, PAGE_SIZE))
		misuse("access beyond a frame");
	if (!frame_pin(frame))
		misuse("access to a frame that is not in use");
	/*
	 * SAFETY: 1. [off, off + len) lies in one page. 2. The frame is untyped RAM, which the direct map has, and
	 * stays so until frame_unpin.
	 */
	return (u8 *)phys_to_virt(frame_number(frame).raw * PAGE_SIZE) + off;
}

/* SAFETY, for the copies below: the stream's side lies in frames that are for DMA for ever (dma_stream_at); a slice
 * may fault, and nothing
 * is held then; a frame is pinned (dma_frame_pin), and neither side of that copy can fault. */
void
dma_stream_fill(struct dma_stream *stream, size_t off, struct cbytes src)
{
	memcpy(dma_stream_at(stream, off, src.len, DMA_FROM_DEVICE), src.ptr, src.len);
}

void
dma_stream_fill_frame(struct dma_stream *stream, size_t off, struct frame *frame, size_t frame_off, size_t len)
{
	u8 *to = dma_stream_at(stream, off, len, DMA_FROM_DEVICE);

	memcpy(to, dma_frame_pin(frame, frame_off, len), len);
	frame_unpin(frame);
}

void
dma_stream_drain(struct dma_stream *stream, size_t off, struct bytes dst)
{
	memcpy(dst.ptr, dma_stream_at(stream, off, dst.len, DMA_TO_DEVICE), dst.len);
}

void
dma_stream_drain_frame(struct dma_stream *stream, size_t off, struct frame *frame, size_t frame_off, size_t len)
{
	const u8 *from = dma_stream_at(stream, off, len, DMA_TO_DEVICE);

	memcpy(dma_frame_pin(frame, frame_off, len), from, len);
	frame_unpin(frame);
}
