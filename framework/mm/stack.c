// SPDX-License-Identifier: MPL-2.0
/**
 * Kernel stacks: KERNEL_STACK_PAGES pages above a page that is never mapped.
 *
 * Some stacks that are done with stay mapped for the next task; the rest goes back in batches, since each batch costs
 * one interrupt of every CPU.
 */
#include <mm/mm_impl.h>

enum : u64 {
	STACK_SLOT = (KERNEL_STACK_PAGES + 1) * PAGE_SIZE,
	STACK_SLOTS = 1 << 15,
	STACKS_KEPT = 16,
	STACK_BATCH = 16,
};
static_assert(STACK_SLOTS * STACK_SLOT <= STACK_END - STACK_BASE && STACK_SLOTS * STACK_SLOT <= KSPACE_REGION_MAX);

static struct raw_lock stack_lock;
static u64 stack_used[STACK_SLOTS / 64];   /* [stack_lock] slots that have an owner: a task, the idle set, or stack_trim */
static u64 stack_idle[STACK_SLOTS / 64];   /* [stack_lock] mapped, without a task */
static u32 stack_nidle;                    /* [stack_lock; read atomically] */

static u64 slot_base(u64 slot) { return STACK_BASE + slot * STACK_SLOT + PAGE_SIZE; }

u64
stack_low(u64 sp)
{
	return sp >= STACK_BASE && sp < STACK_BASE + STACK_SLOTS * STACK_SLOT ? slot_base((sp - STACK_BASE) / STACK_SLOT) : 0;
}

/** The first set bit of `map`, with all bits turned over where `invert`; STACK_SLOTS: none. */
static u64
bitmap_find(const u64 map[STACK_SLOTS / 64], u64 invert)
{
	for (u64 i = 0; i < STACK_SLOTS / 64; i++)
		if ((map[i] ^ invert) != 0)
			return i * 64 + (u64)__builtin_ctzl(map[i] ^ invert);
	return STACK_SLOTS;
}

/** An idle stack (`idle`) or a slot without memory; STACK_SLOTS: none. */
static u64
slot_take(bool idle)
{
	u64 flags = raw_acquire(&stack_lock), slot = STACK_SLOTS;
	if (idle && stack_nidle > 0) {
		slot = bitmap_find(stack_idle, 0);
		stack_idle[slot / 64] &= ~((u64)1 << slot % 64);
		__atomic_sub_fetch(&stack_nidle, 1, __ATOMIC_RELAXED);
	} else if (!idle) {
		slot = bitmap_find(stack_used, ~(u64)0);
		if (slot < STACK_SLOTS)
			stack_used[slot / 64] |= (u64)1 << slot % 64;
	}
	raw_release(&stack_lock, flags);
	return slot;
}

/** Lets go of npages pages at the slot's low end and of the slot. */
static void
slots_free(const u64 slots[STACK_BATCH], u32 n, u64 npages)
{
	for (u32 i = 0; i < n; i++)
		kspace_retire(slot_base(slots[i]), npages);
	kspace_flush(STACK_BASE, (STACK_END - STACK_BASE) >> PAGE_SHIFT);
	for (u32 i = 0; i < n; i++) {
		kspace_reclaim(slot_base(slots[i]), npages, FRAME_KERNEL);
		u64 flags = raw_acquire(&stack_lock);
		stack_used[slots[i] / 64] &= ~((u64)1 << slots[i] % 64);
		raw_release(&stack_lock, flags);
	}
}

u64
stack_alloc(void)
{
	u64 slot = slot_take(true);
	if (slot < STACK_SLOTS)
		return slot_base(slot) + KERNEL_STACK_PAGES * PAGE_SIZE;
	slot = slot_take(false);
	if (slot == STACK_SLOTS)
		return 0;
	u64 done = kspace_back(slot_base(slot), KERNEL_STACK_PAGES, FRAME_KERNEL);
	if (done == KERNEL_STACK_PAGES)
		return slot_base(slot) + KERNEL_STACK_PAGES * PAGE_SIZE;
	slots_free(&(u64[STACK_BATCH]){ slot }[0], 1, done);
	return 0;
}

void
stack_free(u64 top)
{
	u64 slot = (top - STACK_BASE) / STACK_SLOT - 1;
	fw_assert(slot < STACK_SLOTS && top == slot_base(slot) + KERNEL_STACK_PAGES * PAGE_SIZE);
	u64 flags = raw_acquire(&stack_lock);
	stack_idle[slot / 64] |= (u64)1 << slot % 64;
	u32 nidle = __atomic_add_fetch(&stack_nidle, 1, __ATOMIC_RELAXED);
	raw_release(&stack_lock, flags);
	if (nidle >= STACKS_KEPT + STACK_BATCH && shootdown_allowed())
		stack_trim(STACKS_KEPT);
}

bool
stack_trim(u32 keep)
{
	u64 slots[STACK_BATCH] = {};
	u32 n = 0;
	while (n < STACK_BATCH && __atomic_load_n(&stack_nidle, __ATOMIC_RELAXED) > keep) {
		slots[n] = slot_take(true);
		if (slots[n] == STACK_SLOTS)
			break;
		n++;
	}
	if (n > 0)
		slots_free(slots, n, KERNEL_STACK_PAGES);
	return n > 0;
}

bool
stack_guard_hit(u64 address)
{
	return address - STACK_BASE < STACK_SLOTS * STACK_SLOT && (address - STACK_BASE) % STACK_SLOT < PAGE_SIZE;
}
