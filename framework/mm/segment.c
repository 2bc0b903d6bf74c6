// SPDX-License-Identifier: MPL-2.0
// Segments: runs of contiguous untyped frames. The segment holds a framework reference on each frame until its own last reference goes.
#include <arch/string.h>
#include <mm/mm_impl.h>

struct segment {
	u64 pfn, nframes;   /* [const] once published; no frames until then */
};

static void
segment_release(struct object *object)
{
	/* SAFETY: heaps call release with objects of their type only. */
	struct segment *segment = (struct segment *)object;
	for (u64 i = 0; i < segment->nframes; i++)
		frame_unpin(frame_at(segment->pfn + i));
}

HANDLE_DEFINE(segment, segment_release);
HANDLE_REFERENCES(segment);

err_t
segment_alloc(u32 nframes, u32 align_frames, struct segment **out)
{
	if (nframes == 0 || align_frames == 0 || (align_frames & (align_frames - 1)) != 0)
		return EINVAL;
	struct segment *segment = (struct segment *)heap_alloc(&segment_handle_type);
	if (segment == nullptr)
		return ENOMEM;
	u64 pfn = kernel_frames_alloc(nframes, align_frames, FRAME_NONE, FRAME_UNTYPED);
	if (pfn == FRAME_NONE) {
		heap_discard(&segment_handle_type, segment);
		return ENOMEM;
	}
	*segment = (struct segment){ pfn, nframes };
	heap_publish(&segment_handle_type, segment);
	*out = segment;
	return OK;
}

u32
segment_frames(struct segment *segment)
{
	HANDLE_SCOPE(segment, segment);
	return (u32)segment->nframes;
}

paddr_t
segment_paddr(struct segment *segment)
{
	HANDLE_SCOPE(segment, segment);
	return PADDR(segment->pfn << PAGE_SHIFT);
}

/** Where [off, off + len) lies in the direct map; traps beyond the end. Until handle_leave. */
static u8 *
segment_access(struct segment *segment, size_t off, size_t len)
{
	handle_enter(&segment_handle_type, segment);
	if (range_exceeds(off, len, segment->nframes << PAGE_SHIFT)) {
		handle_leave(&segment_handle_type, segment);
		misuse("segment: beyond the end");
	}
	/* SAFETY: the segment's frames are contiguous, untyped, and held by it; the range was checked. */
	return (u8 *)frame_virt(segment->pfn) + off;
}

void
segment_read(struct segment *segment, size_t off, struct bytes dst)
{
	memcpy(dst.ptr, segment_access(segment, off, dst.len), dst.len);
	handle_leave(&segment_handle_type, segment);
}

void
segment_write(struct segment *segment, size_t off, struct cbytes src)
{
	memcpy(segment_access(segment, off, src.len), src.ptr, src.len);
	handle_leave(&segment_handle_type, segment);
}

struct frame *
segment_frame(struct segment *segment, u32 i)
{
	const u8 *page = segment_access(segment, (size_t)i << PAGE_SHIFT, PAGE_SIZE);
	struct frame *frame = frame_at(virt_to_phys(page) >> PAGE_SHIFT);
	frame_get(frame);
	handle_leave(&segment_handle_type, segment);
	return frame;
}
