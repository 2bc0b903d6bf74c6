// SPDX-License-Identifier: MPL-2.0
// Tests of every place where memory may run out: the call says so, nothing is lost, and it works once there is memory again.
#include <mm/test/parallel.h>
#include <mm/vm_space_impl.h>
#include <object/slab.h>

enum : u64 { AT = 0x40000000, GIB = 1 << 30 };

static i64 left;   /* [atomic] frames that the policy still gives */

static u64
scarce_alloc(u64 n, u64 align, u64 limit)
{
	return __atomic_sub_fetch(&left, (i64)n, __ATOMIC_RELAXED) >= 0 ? frame_policy.alloc(n, align, limit) : FRAME_NONE;
}

static void
scarce_free(u64 pfn, u64 n)
{
	frame_policy.free(pfn, n);
}

static void scarce_take(struct frame_batch *batch) { (void)batch; }
static void scarce_give(const struct frame_batch *batch) { frame_policy.give(batch); }

static const struct frame_policy scarce_policy = {
	.add = scarce_free, .alloc = scarce_alloc, .free = scarce_free, .take = scarce_take, .give = scarce_give,
};

/** Runs `scenario` with 0, 1, 2 … frames until it succeeds, which leaves nothing behind. */
static void
with_ever_more_memory(bool (*scenario)(void))
{
	bool done = false;
	EXPECT(scenario());   /* with plenty: what stays for ever is there after this */
	while (stack_trim(0) || heap_shrink())
		;
	u64 before = memory_stat().free;
	for (u32 n = 0; n < 200 && !done; n++) {
		__atomic_store_n(&left, n, __ATOMIC_RELAXED);
		__atomic_store_n(&frame_policy_active, &scarce_policy, __ATOMIC_RELEASE);
		done = scenario();
		__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_RELEASE);
	}
	EXPECT(done);
	while (stack_trim(0) || heap_shrink())
		;
	AWAIT(memory_stat().free + 8 >= before);
}

static bool
space_scenario(void)
{
	struct vm_space *space = nullptr;
	if (vm_space_create(&space) != OK)
		return false;
	struct vm_cursor cursor = {};
	struct frame *frame = frame_alloc();
	u64 done = 0, marked = 8 * GIB / PAGE_SIZE;
	bool good = frame != nullptr && vm_cursor_open(space, UADDR(AT), UADDR(AT + 8 * GIB), &cursor) == OK;
	if (good) {
		err_t err = vm_cursor_mark(&cursor, marked, 9, &done);
		good = err == OK;
		EXPECT(good ? done == marked : err == ENOMEM && done < marked);
		vm_cursor_seek(&cursor, UADDR(AT + 3 * GIB + 5 * PAGE_SIZE));
		good &= vm_cursor_map(&cursor, frame, VM_READ, VM_CACHE_BACK) == OK;
		/* In the middle of a large mark, the range's ends being elsewhere: this needs memory too. */
		u64 there = AT + 5 * GIB + 7 * PAGE_SIZE;
		vm_cursor_seek(&cursor, UADDR(there));
		vm_cursor_unmap(&cursor, 2);
		EXPECT(vm_cursor_at(&cursor).raw >= there && vm_cursor_at(&cursor).raw <= there + 2 * PAGE_SIZE);
		good &= vm_cursor_at(&cursor).raw == there + 2 * PAGE_SIZE;
		vm_cursor_seek(&cursor, UADDR(AT + 6 * GIB + 9 * PAGE_SIZE));
		err = vm_cursor_mark(&cursor, 3, 0, &done);
		EXPECT(err == OK || (err == ENOMEM && done < 3));
		good &= err == OK;
		vm_cursor_close(&cursor);
		err = vm_cursor_open(space, UADDR(AT + GIB + PAGE_SIZE), UADDR(AT + 2 * GIB + PAGE_SIZE), &cursor);   /* parts marks at both ends */
		EXPECT(err == OK || err == ENOMEM);
		good &= err == OK;
		vm_cursor_close(&cursor);
	}
	if (frame != nullptr)
		frame_put(frame);
	vm_space_put(space);
	return good;
}

TEST(address_space_survives_the_end_of_memory)
{
	with_ever_more_memory(space_scenario);
}

static bool
stack_scenario(void)
{
	u64 top = stack_alloc();
	if (top != 0)
		stack_free(top);
	stack_trim(0);
	return top != 0;
}

TEST(stack_survives_the_end_of_memory)
{
	with_ever_more_memory(stack_scenario);
}

struct rare { u64 words[40]; };
ARRAY_DECLARE(rare_array, struct rare);
ARRAY_DEFINE(rare_array, struct rare);

static bool
array_scenario(void)
{
	static const u32 lengths[] = { 1, 30, 300, 1000 };
	bool good = true;
	for (u32 i = 0; i < COUNTOF(lengths); i++) {
		struct rare_array *array = rare_array_alloc(lengths[i]);
		good &= array != nullptr;
		if (array != nullptr)
			rare_array_put(array);
		slab_flush(true);
	}
	return good;
}

/* Not by with_ever_more_memory's first call: heaps, windows and notes are made on the way, with and without memory. */
TEST(new_heaps_survive_the_end_of_memory)
{
	for (u32 n = 0; n < 40; n++) {
		__atomic_store_n(&left, n, __ATOMIC_RELAXED);
		__atomic_store_n(&frame_policy_active, &scarce_policy, __ATOMIC_RELEASE);
		array_scenario();
		__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_RELEASE);
	}
	with_ever_more_memory(array_scenario);
}

static bool
mapping_scenario(void)
{
	u64 place = IO_END - GIB, pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_KERNEL);
	if (pfn == FRAME_NONE)
		return false;
	bool good = kspace_map(place, pfn << PAGE_SHIFT, 1, 0);
	if (good)
		kspace_unmap(place, 1);
	kernel_frames_free(pfn, 1, FRAME_KERNEL);
	return good;
}

TEST(kernel_mapping_survives_the_end_of_memory)
{
	for (u32 n = 0; n < 4; n++) {
		__atomic_store_n(&left, n, __ATOMIC_RELAXED);
		__atomic_store_n(&frame_policy_active, &scarce_policy, __ATOMIC_RELEASE);
		mapping_scenario();
		__atomic_store_n(&frame_policy_active, &frame_policy, __ATOMIC_RELEASE);
	}
	with_ever_more_memory(mapping_scenario);
}
