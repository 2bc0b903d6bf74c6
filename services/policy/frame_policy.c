// SPDX-License-Identifier: MPL-2.0
/**
 * The frame allocator: buddies, and a cache of single frames on each CPU.
 *
 * The framework keeps some on each CPU as well and asks for one after the other: the cache makes that one turn of the lock, not sixteen. Without
 * it four virtual CPUs on fewer real ones came to a stand, each waiting for its ticket.
 *
 * A free block is 2^order frames, aligned to its size, of at most FRAME_NOTE_BLOCK frames; its first frame's note says
 * its order and links it into the list of that order. Two free buddies never stand side by side: a block that becomes free joins its
 * buddy at once. Frames in a CPU's cache are in no list, so their notes say nothing.
 *
 * What is left in the caches of other CPUs is had last, so that none is out of reach when memory ends.
 *
 * Lock order: a cache's lock → buddy_lock; both are taken with interrupts off.
 */
#include <cadre/policy.h>

enum : u32 {
	ORDERS = 11,
	LIST_END = ~(u32)0,
	CACHE_MAX = 32,
	CACHE_BATCH = 16,
};
static_assert((u32)1 << (ORDERS - 1) == FRAME_NOTE_BLOCK);

enum note_flags : u8 { NOTE_FREE_BLOCK = 1 };

struct frame_cache {
	struct irq_spin_lock lock;
	u32 n GUARDED_BY(&lock);
	u32 frames[CACHE_MAX] GUARDED_BY(&lock);
};
CPU_LOCAL_DEFINE(frame_cache, frame_cache);

static struct irq_spin_lock buddy_lock;
static u32 lists[ORDERS] GUARDED_BY(&buddy_lock) = {
	LIST_END, LIST_END, LIST_END, LIST_END, LIST_END, LIST_END, LIST_END, LIST_END, LIST_END, LIST_END, LIST_END,
};

static void
block_insert(u32 pfn, u32 order) MUST_HOLD(&buddy_lock)
{
	struct frame_note *note = frame_note(pfn);
	note->flags = NOTE_FREE_BLOCK;
	note->order = (u8)order;
	note->prev = LIST_END;
	note->next = lists[order];
	if (note->next != LIST_END)
		frame_note(note->next)->prev = pfn;
	lists[order] = pfn;
}

static void
block_remove(u32 pfn) MUST_HOLD(&buddy_lock)
{
	struct frame_note *note = frame_note(pfn);
	note->flags = 0;
	if (note->next != LIST_END)
		frame_note(note->next)->prev = note->prev;
	if (note->prev != LIST_END)
		frame_note(note->prev)->next = note->next;
	else
		lists[note->order] = note->next;
}

/** Frees a block, joined with its buddy as far as that goes. */
static void
block_free(u32 pfn, u32 order) MUST_HOLD(&buddy_lock)
{
	for (; order + 1 < ORDERS; order++) {
		u32 buddy = pfn ^ (u32)1 << order;
		struct frame_note *note = frame_note(buddy);
		if (note->flags != NOTE_FREE_BLOCK || note->order != order)
			break;
		block_remove(buddy);
		pfn = MIN(pfn, buddy);
	}
	block_insert(pfn, order);
}

/** Frees [pfn, end) in the largest blocks that its alignment allows. */
static void
range_free(u32 pfn, u32 end) MUST_HOLD(&buddy_lock)
{
	while (pfn < end) {
		u32 order = 0;
		while (order + 1 < ORDERS && (pfn & (((u32)2 << order) - 1)) == 0 && end - pfn >= (u32)2 << order)
			order++;
		block_free(pfn, order);
		pfn += (u32)1 << order;
	}
}

/** The first block of the list that starts with n frames below `limit`. */
static u32
list_find(u32 order, u64 n, u64 limit) MUST_HOLD(&buddy_lock)
{
	u32 pfn = lists[order];
	while (pfn != LIST_END && pfn + n > limit)
		pfn = frame_note(pfn)->next;
	return pfn;
}

/** n frames from the smallest block that has them; what is left of it is free again. */
static u64
range_alloc(u64 n, u64 align, u64 limit) MUST_HOLD(&buddy_lock)
{
	u32 order = 0;
	while (order < ORDERS && ((u64)1 << order < n || (u64)1 << order < align))
		order++;
	for (; order < ORDERS; order++) {
		u32 pfn = list_find(order, n, limit);
		if (pfn == LIST_END)
			continue;
		block_remove(pfn);
		range_free(pfn + (u32)n, pfn + ((u32)1 << order));
		return pfn;
	}
	return FRAME_NONE;
}

static void
cache_fill(struct frame_cache *cache) MUST_HOLD(&cache->lock)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	while (cache->n < CACHE_BATCH) {
		u64 pfn = range_alloc(1, 1, FRAME_NONE);
		if (pfn == FRAME_NONE)
			return;
		cache->frames[cache->n++] = (u32)pfn;
	}
}

static void
cache_drain(struct frame_cache *cache) MUST_HOLD(&cache->lock)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	for (u32 i = 0; i < CACHE_BATCH && cache->n > 0; i++)
		block_free(cache->frames[--cache->n], 0);
}

static void
frames_add(u64 pfn, u64 n)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	range_free((u32)pfn, (u32)(pfn + n));
}

/** A frame of a CPU's cache; `own`: it is this CPU's, and filled if empty. */
static u64
cache_take(struct frame_cache *cache, bool own)
{
	IRQ_SPIN_SCOPE(&cache->lock);
	if (cache->n == 0 && own)
		cache_fill(cache);
	return cache->n > 0 ? cache->frames[--cache->n] : FRAME_NONE;
}

static u64
frame_take(void)
{
	u64 pfn = FRAME_NONE;
	{
		CPU_LOCAL_SCOPE(cache, frame_cache);
		pfn = cache_take(cache, true);
	}
	for (u32 cpu = 0; pfn == FRAME_NONE && cpu < cpu_count(); cpu++)
		pfn = cache_take(CPU_LOCAL_OF(frame_cache, cpu), false);
	return pfn;
}

static u64
frames_alloc(u64 n, u64 align, u64 limit)
{
	if (n == 1 && align == 1 && limit == FRAME_NONE)
		return frame_take();
	IRQ_SPIN_SCOPE(&buddy_lock);
	return range_alloc(n, align, limit);
}

static void
frame_give(u32 pfn)
{
	CPU_LOCAL_SCOPE(cache, frame_cache);
	IRQ_SPIN_SCOPE(&cache->lock);
	if (cache->n == CACHE_MAX)
		cache_drain(cache);
	cache->frames[cache->n++] = pfn;
}

static void
frames_free(u64 pfn, u64 n)
{
	if (n == 1)
		frame_give((u32)pfn);
	else
		frames_add(pfn, n);
}

const struct frame_policy frame_policy = { .add = frames_add, .alloc = frames_alloc, .free = frames_free };
