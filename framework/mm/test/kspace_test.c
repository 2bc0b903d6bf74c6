// SPDX-License-Identifier: MPL-2.0
// Tests of kernel mappings and stacks.
#include <mm/mm_impl.h>
#include <mm/test/parallel.h>

enum : u64 { PLACE = IO_END - 64 * PAGE_SIZE };

TEST(kernel_mapping_is_there_until_it_is_taken_back)
{
	u64 pfn = kernel_frames_alloc(2, 1, FRAME_NONE, FRAME_KERNEL);
	EXPECT_EQ(kspace_translate(PLACE), ~(u64)0);
	EXPECT(kspace_map(PLACE, pfn * PAGE_SIZE, 2, KMAP_WRITE));
	EXPECT_EQ(kspace_translate(PLACE + PAGE_SIZE + 5), (pfn + 1) * PAGE_SIZE + 5);
	*(volatile u32 *)(PLACE + PAGE_SIZE) = 99;
	EXPECT_EQ(*(volatile u32 *)frame_virt(pfn + 1), 99);
	kspace_unmap(PLACE, 2);
	EXPECT_EQ(kspace_translate(PLACE), ~(u64)0);
	kernel_frames_free(pfn, 2, FRAME_KERNEL);
}

TEST(retired_pages_are_freed_by_reclaim_only)
{
	EXPECT_EQ(kspace_back(PLACE, 3, FRAME_HEAP), 3);
	u64 pfn = kspace_translate(PLACE) >> PAGE_SHIFT;
	EXPECT(kspace_back_once(PLACE, FRAME_HEAP));   /* mapped already */
	EXPECT_EQ(kspace_translate(PLACE) >> PAGE_SHIFT, pfn);
	kspace_retire(PLACE, 3);
	EXPECT_EQ(kspace_translate(PLACE), ~(u64)0);
	EXPECT_EQ(frame_use(pfn), FRAME_HEAP);
	EXPECT(kspace_retired(PLACE) && kspace_retired(PLACE + 2 * PAGE_SIZE) && !kspace_retired(PLACE + 3 * PAGE_SIZE));
	kspace_flush(PLACE, 3);
	kspace_reclaim(PLACE, 3, FRAME_HEAP);
	EXPECT(!kspace_retired(PLACE));
	EXPECT(frame_use(pfn) != FRAME_HEAP);
}

TEST(stacks_are_distinct_guarded_and_come_back)
{
	u64 tops[40];
	for (u32 i = 0; i < 40; i++) {
		tops[i] = stack_alloc();
		EXPECT(tops[i] != 0);
		*(volatile u64 *)(tops[i] - 8) = i;
		*(volatile u64 *)(tops[i] - KERNEL_STACK_PAGES * PAGE_SIZE) = i;
		EXPECT(stack_guard_hit(tops[i] - KERNEL_STACK_PAGES * PAGE_SIZE - 1));
		EXPECT(!stack_guard_hit(tops[i] - 1));
		EXPECT_EQ(kspace_translate(tops[i] - (KERNEL_STACK_PAGES + 1) * PAGE_SIZE), ~(u64)0);
	}
	for (u32 i = 0; i < 40; i++)
		EXPECT_EQ(*(volatile u64 *)(tops[i] - 8), i);
	struct memory_stat before = memory_stat();
	for (u32 i = 0; i < 40; i++)
		stack_free(tops[i]);
	EXPECT(memory_stat().free > before.free);   /* beyond those that are kept */
	while (stack_trim(0))
		;
	EXPECT(memory_stat().free >= before.free + 40 * KERNEL_STACK_PAGES);
	EXPECT(!stack_guard_hit(STACK_BASE - 1) && !stack_guard_hit(0));
}
