// SPDX-License-Identifier: MPL-2.0
// Tests of frames: references, access, and frame policies that lie.
#include <arch/string.h>
#include <mm/mm_impl.h>
#include <mm/test/parallel.h>

TEST(frames_come_zeroed_with_one_reference)
{
	struct frame *frame = frame_alloc();
	EXPECT(frame != nullptr);
	EXPECT_EQ(frame_refs(frame), 1);
	EXPECT_EQ(frame_mappings(frame), 0);
	EXPECT(frame_owner(frame) == nullptr);
	u8 bytes[64];
	memset(bytes, 0xaa, sizeof(bytes));
	frame_read(frame, PAGE_SIZE - 64, (struct bytes){ bytes, 64 });
	for (u32 i = 0; i < 64; i++)
		EXPECT_EQ(bytes[i], 0);
	frame_write(frame, 0, (struct cbytes){ (const u8 *)"hello", 5 });
	frame_put(frame);
	/* The page that was written comes back zeroed, whoever gets it. */
	struct frame *frames[64];
	for (u32 i = 0; i < 64; i++) {
		frames[i] = frame_alloc();
		EXPECT_EQ(frame_load32(frames[i], 0), 0);
	}
	for (u32 i = 0; i < 64; i++)
		frame_put(frames[i]);
}

TEST(filled_frame_has_the_contents_and_then_zeroes)
{
	EXPECT_TRAP(frame_alloc_filled((struct cbytes){ (const u8 *)"", PAGE_SIZE + 1 }));
	struct frame *frame = frame_alloc_filled((struct cbytes){ (const u8 *)"abcdefgh", 8 });
	u8 bytes[16];
	frame_read(frame, 0, (struct bytes){ bytes, 16 });
	EXPECT(memcmp(bytes, "abcdefgh\0\0\0\0\0\0\0\0", 16) == 0);
	frame_put(frame);
}

TEST(access_beyond_the_page_or_misaligned_traps)
{
	struct frame *frame = frame_alloc();
	u8 byte = 0;
	struct bytes one = { &byte, 1 };
	EXPECT_TRAP(frame_read(frame, PAGE_SIZE, one));
	EXPECT_TRAP(frame_read(frame, ~(size_t)0, one));
	EXPECT_TRAP(frame_write(frame, PAGE_SIZE, bytes_const(one)));
	EXPECT_TRAP(frame_zero(frame, 1, PAGE_SIZE));
	EXPECT_TRAP(frame_zero(frame, 1, ~(size_t)0));
	EXPECT_TRAP(frame_load32(frame, PAGE_SIZE));
	EXPECT_TRAP(frame_load32(frame, 2));
	EXPECT_TRAP(frame_store32(frame, PAGE_SIZE - 2, 1));
	EXPECT_TRAP(frame_read(nullptr, 0, one));
	EXPECT_TRAP(frame_get(nullptr));
	EXPECT_TRAP(frame_copy(frame, nullptr));
	EXPECT_TRAP(frame_copy(nullptr, frame));
	frame_zero(frame, 0, PAGE_SIZE);
	EXPECT_EQ(frame_refs(frame), 1);
	frame_put(frame);
}

TEST(words_of_a_frame_are_read_and_written_at_once)
{
	struct frame *frame = frame_alloc();
	frame_store32(frame, 8, 5);
	EXPECT_EQ(frame_load32(frame, 8), 5);
	frame_store32(frame, 8, 9);
	EXPECT_EQ(frame_load32(frame, 8), 9);
	struct frame *copy = frame_alloc();
	frame_copy(copy, frame);
	EXPECT_EQ(frame_load32(copy, 8), 9);
	frame_put(copy);
	frame_put(frame);
}

TEST(stale_frame_handle_traps)
{
	struct frame *frame = frame_alloc();
	u8 byte = 0;
	frame_get(frame);
	frame_put(frame);
	frame_put(frame);
	EXPECT(frame_use(frame_number(frame).raw) != FRAME_UNTYPED);
	EXPECT_TRAP(frame_put(frame));
	EXPECT_TRAP(frame_get(frame));
	EXPECT_TRAP(frame_read(frame, 0, (struct bytes){ &byte, 1 }));
	EXPECT_TRAP(frame_set_owner(frame, nullptr));
	EXPECT_EQ(frame_refs(frame), 0);
}

TEST(framework_reference_keeps_a_frame_that_services_put_too_often)
{
	struct frame *frame = frame_alloc();
	EXPECT(frame_map_get(frame));
	frame_put(frame);
	EXPECT_TRAP(frame_put(frame));
	EXPECT_EQ(frame_use(frame_pfn(frame)), FRAME_UNTYPED);
	EXPECT_EQ(frame_mappings(frame), 1);
	EXPECT_EQ(frame_refs(frame), 1);
	frame_map_drop(frame);
	EXPECT(frame_use(frame_pfn(frame)) != FRAME_UNTYPED);
	EXPECT(!frame_map_get(frame));
}

TEST(saturated_frame_is_never_freed)
{
	struct frame *frame = frame_alloc();
	__atomic_store_n(&frame->word, ref_word(FRAME_UNTYPED, REF_MAX - 1, REF_MAX), __ATOMIC_SEQ_CST);
	frame_get(frame);
	frame_get(frame);
	EXPECT_EQ(ref_count(ref_load(&frame->word), REF_SERVICE), REF_MAX);
	frame_put(frame);
	EXPECT_EQ(ref_count(ref_load(&frame->word), REF_SERVICE), REF_MAX);
	EXPECT(frame_pin(frame));
	frame_unpin(frame);
	EXPECT_EQ(ref_count(ref_load(&frame->word), REF_FRAMEWORK), REF_MAX);
	__atomic_store_n(&frame->word, ref_word(FRAME_UNTYPED, 1, 0), __ATOMIC_SEQ_CST);
	frame_put(frame);
}

TEST(handle_of_a_page_that_became_the_frameworks_does_nothing)
{
	u64 pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_KERNEL);
	struct frame *frame = frame_at(pfn);   /* as a service that kept it from before would have it */
	u8 byte = 0;
	EXPECT_TRAP(frame_read(frame, 0, (struct bytes){ &byte, 1 }));
	EXPECT_TRAP(frame_write(frame, 0, (struct cbytes){ &byte, 1 }));
	EXPECT_TRAP(frame_zero(frame, 0, 1));
	EXPECT_TRAP(frame_get(frame));
	EXPECT_TRAP(frame_put(frame));
	EXPECT_TRAP(frame_store32(frame, 0, 1));
	EXPECT(!frame_pin(frame));
	EXPECT(!frame_map_get(frame));
	kernel_frames_free(pfn, 1, FRAME_KERNEL);
}

TEST(owner_note_is_reset_when_the_frame_is_allocated_again)
{
	struct frame *frame = frame_alloc();
	struct byte_array *array = byte_array_alloc(1);
	frame_set_owner(frame, byte_array_object(array));
	EXPECT(frame_owner(frame) == byte_array_object(array));
	frame_put(frame);
	byte_array_put(array);
	struct frame *frames[64];
	for (u32 i = 0; i < 64; i++) {
		frames[i] = frame_alloc();
		EXPECT(frame_owner(frames[i]) == nullptr);
	}
	for (u32 i = 0; i < 64; i++)
		frame_put(frames[i]);
}

TEST(kernel_frames_are_contiguous_aligned_and_below_the_limit)
{
	struct memory_stat before = memory_stat();
	u64 a = kernel_frames_alloc(5, 8, FRAME_NONE, FRAME_KERNEL);
	EXPECT(a != FRAME_NONE && a % 8 == 0);
	for (u64 i = 0; i < 5; i++)
		EXPECT_EQ(frame_use(a + i), FRAME_KERNEL);
	u64 b = kernel_frames_alloc(2, 1, a, FRAME_DMA);
	EXPECT(b == FRAME_NONE || b + 2 <= a);
	if (b != FRAME_NONE)
		kernel_frames_free(b, 2, FRAME_DMA);
	kernel_frames_free(a, 5, FRAME_KERNEL);
	EXPECT_EQ(kernel_frames_alloc(1, 1, 1, FRAME_KERNEL), FRAME_NONE);
	EXPECT_EQ(kernel_frames_alloc((u64)1 << 32, 1, FRAME_NONE, FRAME_KERNEL), FRAME_NONE);
	EXPECT(memory_stat().free >= before.free);   /* more where what could not be had made the heap shrink */
	EXPECT(ram_overlaps(a * PAGE_SIZE, a * PAGE_SIZE + 1));
	EXPECT(!ram_overlaps((u64)1 << 50, (u64)2 << 50));
}

TEST(note_of_no_frame_traps)
{
	EXPECT_TRAP(frame_note(~(u64)0));
	EXPECT_TRAP(frame_note(FRAMES_MAX));
	EXPECT_TRAP(frame_note(FRAMES_MAX - 1));
	EXPECT_EQ(frame_use(FRAMES_MAX), FRAME_RESERVED);
}

/* --- policies that lie --- */

static u64 lie;

static u64
evil_alloc(u64 n, u64 align, u64 limit)
{
	(void)n;
	(void)align;
	(void)limit;
	return lie;
}

static void
evil_ignore(u64 pfn, u64 n)
{
	(void)pfn;
	(void)n;
}

static u64
trapping_alloc(u64 n, u64 align, u64 limit)
{
	(void)n;
	(void)align;
	(void)limit;
	contain_trap(TEXT("a policy's bug"));
}

static void evil_take(struct frame_batch *batch) { batch->n = ~(u32)0; }
static void evil_give(const struct frame_batch *batch) { (void)batch; }

static const struct frame_policy evil_policy = {
	.add = evil_ignore, .alloc = evil_alloc, .free = evil_ignore, .take = evil_take, .give = evil_give,
};
static const struct frame_policy trapping_policy = {
	.add = evil_ignore, .alloc = trapping_alloc, .free = evil_ignore, .take = evil_take, .give = evil_give,
};

/** What frame_alloc gives while the policy answers `answer`, on this CPU with interrupts off, so that no other is hurt much. */
static struct frame *
alloc_with_lie(u64 answer)
{
	lie = answer;
	u64 flags = arch_irq_save();
	__atomic_store_n(&frame_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	struct frame *frame = frame_alloc();
	__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	return frame;
}

TEST(frame_policy_that_answers_wrongly_gets_nobody_a_wrong_frame)
{
	u64 faults = policy_faults().frame;
	struct frame *frame = frame_alloc();
	u64 kernel = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_KERNEL);
	EXPECT(alloc_with_lie(frame_number(frame).raw) == nullptr);    /* in use */
	EXPECT(alloc_with_lie(kernel) == nullptr);                     /* the framework's */
	EXPECT(alloc_with_lie(0) == nullptr);                          /* not RAM, or reserved */
	EXPECT(alloc_with_lie(FRAMES_MAX - 1) == nullptr);
	EXPECT(alloc_with_lie(~(u64)0 - 1) == nullptr);
	EXPECT_EQ(policy_faults().frame, faults + 5);
	EXPECT(alloc_with_lie(FRAME_NONE) == nullptr);                 /* nothing at all */
	EXPECT_EQ(policy_faults().frame, faults + 5);

	/* The same frame twice: the second is refused. The real policy knows of none of this. */
	u64 flags = arch_irq_save();
	__atomic_store_n(&frame_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	frame_put(frame);
	__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_SEQ_CST);
	struct frame *first = alloc_with_lie(frame_pfn(frame));
	EXPECT(first == frame);
	EXPECT(alloc_with_lie(frame_pfn(frame)) == nullptr);
	frame_put(first);
	arch_irq_restore(flags);
	kernel_frames_free(kernel, 1, FRAME_KERNEL);
}

TEST(wrong_answer_for_many_frames_is_undone_wholly)
{
	u64 pfn = kernel_frames_alloc(4, 4, FRAME_NONE, FRAME_KERNEL);
	struct memory_stat before = memory_stat();
	u64 flags = arch_irq_save();
	lie = pfn;
	__atomic_store_n(&frame_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	kernel_frames_free(pfn, 2, FRAME_KERNEL);   /* the first two are free, the rest is not */
	EXPECT_EQ(kernel_frames_alloc(4, 1, FRAME_NONE, FRAME_KERNEL), FRAME_NONE);
	EXPECT_EQ(frame_use(pfn), FRAME_FREE);
	lie = pfn + 1;
	EXPECT_EQ(kernel_frames_alloc(1, 2, FRAME_NONE, FRAME_KERNEL), FRAME_NONE);   /* misaligned */
	EXPECT_EQ(kernel_frames_alloc(1, 1, pfn + 1, FRAME_KERNEL), FRAME_NONE);      /* above the limit */
	lie = pfn;
	EXPECT_EQ(kernel_frames_alloc(2, 1, FRAME_NONE, FRAME_KERNEL), pfn);
	__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	EXPECT_EQ(memory_stat().free, before.free);
	kernel_frames_free(pfn, 4, FRAME_KERNEL);
}

TEST(frame_policy_that_traps_is_replaced)
{
	u64 flags = arch_irq_save();
	__atomic_store_n(&frame_policy_active, &trapping_policy, __ATOMIC_SEQ_CST);
	struct frame *a = frame_alloc(), *b = frame_alloc();
	u64 run = kernel_frames_alloc(3, 2, FRAME_NONE, FRAME_KERNEL);
	EXPECT(a != nullptr && b != nullptr && a != b);
	EXPECT(run != FRAME_NONE && run % 2 == 0);
	EXPECT(frame_policy_active != &trapping_policy && frame_policy_active != &frame_policy);
	frame_put(a);   /* still the fallback: the real policy never gave these away */
	frame_put(b);
	kernel_frames_free(run, 3, FRAME_KERNEL);
	__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
}

/* --- all CPUs --- */

static void
fill_cache(void *unused)
{
	(void)unused;
	struct frame *frames[60];
	for (u32 i = 0; i < COUNTOF(frames); i++)
		frames[i] = frame_alloc();
	for (u32 i = 0; i < COUNTOF(frames); i++)
		frame_put(frames[i]);
}

TEST(frames_in_caches_are_free_and_the_last_to_be_had)
{
	struct frame *last = nullptr;
	u64 before = memory_stat().free, taken = 0;
	cpu_call(cpu_online_set(), fill_cache, nullptr);
	EXPECT_EQ(memory_stat().free, before);
	for (struct frame *frame; (frame = frame_alloc()) != nullptr; last = frame, taken++)
		frame_set_owner(frame, (struct object *)last);
	EXPECT(memory_stat().free < 32);   /* what other tests of policies that lie have lost */
	EXPECT(taken + 64 >= before);
	for (struct frame *next; last != nullptr; last = next) {
		next = (struct frame *)frame_owner(last);
		frame_put(last);
	}
	EXPECT(memory_stat().free >= before);
}

static u32 doubles;

static void
churn(struct object *arg)
{
	u64 seed = (u64)arg + 1;
	struct frame *mine[16] = {};
	for (u32 i = 0; i < 4000; i++) {
		struct frame **slot = &mine[test_random(&seed) % 16];
		if (*slot == nullptr) {
			*slot = frame_alloc();
			if (*slot != nullptr && frame_load32(*slot, 0) != 0)
				__atomic_fetch_add(&doubles, 1, __ATOMIC_RELAXED);
			if (*slot != nullptr)
				frame_store32(*slot, 0, (u32)(u64)arg + 1);
		} else {
			if (frame_load32(*slot, 0) != (u32)(u64)arg + 1)
				__atomic_fetch_add(&doubles, 1, __ATOMIC_RELAXED);
			frame_put(*slot);
			*slot = nullptr;
		}
	}
	for (u32 i = 0; i < 16; i++)
		if (mine[i] != nullptr)
			frame_put(mine[i]);
}

TEST(no_frame_has_two_owners_on_many_cpus)
{
	parallel_run(churn);   /* tasks, stacks and caches are there after this */
	struct memory_stat before = memory_stat();
	parallel_run(churn);
	EXPECT_EQ(doubles, 0);
	EXPECT(memory_stat().free + 16 * KERNEL_STACK_PAGES >= before.free);
}

/** Frames that are counted as free and cannot be had. */
static u64
frames_lost(void)
{
	struct frame *last = nullptr;
	for (struct frame *frame; (frame = frame_alloc()) != nullptr; last = frame)
		frame_set_owner(frame, (struct object *)last);
	u64 lost = memory_stat().free;
	for (struct frame *next; last != nullptr; last = next) {
		next = (struct frame *)frame_owner(last);
		frame_put(last);
	}
	return lost;
}

/** Ups and downs that empty and fill the caches, so that one fills a cache while another asks the policy for more. */
static void
swing(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < 100; i++)
		fill_cache(nullptr);
}

TEST(no_frame_is_lost_where_many_fill_a_cache)
{
	u64 before = frames_lost(), after = ~(u64)0;
	for (u32 i = 0; i < 3; i++)
		parallel_run(swing);
	for (u32 i = 0; i < 10 && after > before; i++)   /* others may free some just after none was left */
		after = MIN(after, frames_lost());
	EXPECT(after <= before);
}

static struct frame *shared;
static u32 kernel_touched;

/** One task turns a frame to and fro between service's and framework's; the others use a stale handle all the while. */
static void
stale_use(struct object *arg)
{
	u64 pfn = frame_pfn(shared);
	for (u32 i = 0; i < 3000; i++) {
		if (arg == nullptr) {
			if (!ref_move(&shared->word, ref_word(FRAME_UNTYPED, 1, 0), ref_word(FRAME_KERNEL, 0, 0)))
				continue;   /* pinned just now */
			*(volatile u32 *)frame_virt(pfn) = 0;
			for (u32 spin = 0; spin < 50; spin++)
				if (*(volatile u32 *)frame_virt(pfn) != 0)
					kernel_touched++;
			__atomic_store_n(&shared->word, ref_word(FRAME_UNTYPED, 1, 0), __ATOMIC_RELEASE);
		} else if (frame_pin(shared)) {
			__atomic_store_n((u32 *)frame_virt(pfn), 1, __ATOMIC_RELAXED);
			frame_unpin(shared);
		}
	}
}

TEST(stale_handle_never_writes_to_a_page_of_the_framework)
{
	shared = frame_alloc();
	parallel_run(stale_use);
	EXPECT_EQ(kernel_touched, 0);
	frame_put(shared);
}
