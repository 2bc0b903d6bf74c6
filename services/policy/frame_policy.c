// SPDX-License-Identifier: MPL-2.0
/**
 * The frame allocator: buddies.
 *
 * The framework keeps some single frames on each CPU and asks for them in batches: one turn of the lock for each.
 *
 * A free block is 2^order frames, aligned to its size, of at most FRAME_NOTE_BLOCK frames; its first frame's note says
 * its order and links it into the list of that order. Two free buddies never stand side by side: a block that becomes free joins its
 * buddy at once.
 */
#include <cadre/policy.h>

enum : u32 {
	ORDERS = 11,
	LIST_END = ~(u32)0,
};
static_assert((u32)1 << (ORDERS - 1) == FRAME_NOTE_BLOCK);

enum note_flags : u8 { NOTE_FREE_BLOCK = 1 };

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
frames_add(u64 pfn, u64 n)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	range_free((u32)pfn, (u32)(pfn + n));
}

static u64
frames_alloc(u64 n, u64 align, u64 limit)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	return range_alloc(n, align, limit);
}

/** Takes the first frames of the smallest block that there is. => false: there is none. */
static bool
batch_add(struct frame_batch *scoped batch) MUST_HOLD(&buddy_lock)
{
	u32 order = 0;
	while (order < ORDERS && lists[order] == LIST_END)
		order++;
	if (order >= ORDERS)
		return false;
	u32 pfn = lists[order], size = (u32)1 << order, n = MIN(size, FRAME_BATCH - batch->n);
	block_remove(pfn);
	for (u32 i = 0; i < n; i++)
		batch->frames[batch->n + i] = pfn + i;
	batch->n += n;
	range_free(pfn + n, pfn + size);
	return true;
}

static void
frames_take(struct frame_batch *scoped batch)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	while (batch->n < FRAME_BATCH && batch_add(batch))
		;
}

/** Frames that follow each other, up or down, are freed as one range: often they were taken so. */
static void
frames_give(const struct frame_batch *scoped batch)
{
	IRQ_SPIN_SCOPE(&buddy_lock);
	for (u32 i = 0, n = MIN(batch->n, FRAME_BATCH); i < n;) {
		u32 first = batch->frames[i], end = first + 1;
		for (i++; i < n && (batch->frames[i] == end || batch->frames[i] + 1 == first); i++) {
			first = MIN(first, batch->frames[i]);
			end = MAX(end, batch->frames[i] + 1);
		}
		range_free(first, end);
	}
}

const struct frame_policy frame_policy = {
	.add = frames_add, .alloc = frames_alloc, .free = frames_add, .take = frames_take, .give = frames_give,
};
