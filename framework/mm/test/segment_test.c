// SPDX-License-Identifier: MPL-2.0
// Tests of segments.
#include <mm/mm_impl.h>
#include <mm/test/parallel.h>

TEST(segment_refuses_wrong_sizes)
{
	struct segment *segment = nullptr;
	EXPECT_EQ(segment_alloc(0, 1, &segment), EINVAL);
	EXPECT_EQ(segment_alloc(1, 0, &segment), EINVAL);
	EXPECT_EQ(segment_alloc(1, 3, &segment), EINVAL);
	EXPECT_EQ(segment_alloc(~0u, 1, &segment), ENOMEM);
	EXPECT(segment == nullptr);
}

TEST(segment_is_read_and_written_within_its_bounds)
{
	struct segment *segment = nullptr;
	u8 bytes[8] = "segment";
	EXPECT_EQ(segment_alloc(3, 2, &segment), OK);
	EXPECT_EQ(segment_frames(segment), 3);
	EXPECT_EQ(segment_paddr(segment).raw % (2 * PAGE_SIZE), 0);
	segment_write(segment, PAGE_SIZE - 4, (struct cbytes){ bytes, 8 });   /* across frames */
	u8 got[8] = {};
	segment_read(segment, PAGE_SIZE - 4, (struct bytes){ got, 8 });
	EXPECT(cbytes_equal((struct cbytes){ got, 8 }, (struct cbytes){ bytes, 8 }));
	EXPECT_TRAP(segment_read(segment, 3 * PAGE_SIZE - 7, (struct bytes){ got, 8 }));
	EXPECT_TRAP(segment_write(segment, ~(size_t)0 - 3, (struct cbytes){ bytes, 8 }));
	EXPECT_TRAP(segment_frame(segment, 3));
	EXPECT_TRAP(segment_get(nullptr));
	segment_get(segment);
	segment_put(segment);
	segment_put(segment);
	EXPECT_TRAP(segment_put(segment));
	EXPECT_TRAP(segment_frames(segment));
	EXPECT_TRAP(segment_read(segment, 0, (struct bytes){ got, 8 }));
}

TEST(frame_of_a_segment_outlives_it)
{
	struct segment *segment = nullptr;
	struct memory_stat before = memory_stat();
	EXPECT_EQ(segment_alloc(4, 1, &segment), OK);
	struct frame *frame = segment_frame(segment, 2);
	frame_store32(frame, 0, 42);
	EXPECT_TRAP(frame_put(frame); frame_put(frame));   /* the second: the segment's reference is not a service's */
	frame = segment_frame(segment, 2);
	segment_put(segment);
	EXPECT_EQ(frame_load32(frame, 0), 42);
	EXPECT_EQ(memory_stat().free + 1, before.free);
	frame_put(frame);
	EXPECT_EQ(memory_stat().free, before.free);
}
