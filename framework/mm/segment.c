// SPDX-License-Identifier: MPL-2.0
// Segments: runs of contiguous untyped frames. The segment holds a framework reference on each frame until its own last reference goes.
#include <arch/string.h>
#include <mm/mm_impl.h>

struct segment {
	u64 pfn;       /* [const] after segment_alloc; nframes is 0 until then */
	u64 nframes;   /* [const] likewise */
};

static void
segment_release(struct object *object)
{
	struct segment *segment = (struct segment *)object;
	for (u64 i = 0; i < segment->nframes; i++)
		frame_unpin(frame_at(segment->pfn + i));
}

HANDLE_DEFINE(segment, segment_release);

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
		segment_put(segment);
		return ENOMEM;
	}
	segment->pfn = pfn;
	segment->nframes = nframes;
	*out = segment;
	return OK;
}

void
segment_get(struct segment *segment)
{
	heap_get(&segment_handle_type, (struct object *)segment);
}

void
segment_put(struct segment *segment)
{
	heap_put(&segment_handle_type, (struct object *)segment);
}

/** A copy of a segment that stays alive until segment_leave. */
static struct segment
segment_enter(struct segment *segment)
{
	handle_enter(&segment_handle_type, segment);
	return *segment;
}

static void
segment_leave(struct segment *segment)
{
	handle_leave(&segment_handle_type, segment);
}

u32
segment_frames(struct segment *segment)
{
	struct segment here = segment_enter(segment);
	segment_leave(segment);
	return (u32)here.nframes;
}

paddr_t
segment_paddr(struct segment *segment)
{
	struct segment here = segment_enter(segment);
	segment_leave(segment);
	return PADDR(here.pfn << PAGE_SHIFT);
}

/** Where [off, off + len) lies in the direct map; traps beyond the end. Until segment_leave. */
static u8 *
segment_access(struct segment *segment, size_t off, size_t len)
{
	struct segment here = segment_enter(segment);
	if (range_exceeds(off, len, here.nframes << PAGE_SHIFT)) {
		segment_leave(segment);
		misuse("segment: beyond the end");
	}
	/* SAFETY: the segment's frames are contiguous, untyped, and held by it; the range was checked. */
	return (u8 *)frame_virt(here.pfn) + off;
}

void
segment_read(struct segment *segment, size_t off, struct bytes dst)
{
	memcpy(dst.ptr, segment_access(segment, off, dst.len), dst.len);
	segment_leave(segment);
}

void
segment_write(struct segment *segment, size_t off, struct cbytes src)
{
	memcpy(segment_access(segment, off, src.len), src.ptr, src.len);
	segment_leave(segment);
}

struct frame *
segment_frame(struct segment *segment, u32 i)
{
	struct segment here = segment_enter(segment);
	if (i >= here.nframes) {
		segment_leave(segment);
		misuse("segment_frame: beyond the end");
	}
	struct frame *frame = frame_at(here.pfn + i);
	frame_get(frame);
	segment_leave(segment);
	return frame;
}
