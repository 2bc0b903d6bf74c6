// SPDX-License-Identifier: MPL-2.0
// What heap.c wants of slab.c: heaps by type and number, slots by number and address, slabs that come and go.
#pragma once

#include <object/heap_impl.h>

extern const struct slab_policy slab_policy_fallback;
extern struct heap heaps[HEAPS_MAX];   /* [const] from 1 to heap_count(), but for what struct heap says */
extern u32 heap_next_granule;          /* [atomic] granules below are claimed */

/** The heap of a (type, class), made at first use; null: no memory, no addresses or no number left. */
struct heap *heap_of(const struct heap_type *type, u32 class);
/** Heap number id, 1 … heap_count(). */
struct heap *heap_at(u32 id);
/**
 * Whether so many slots are free that growing makes no sense. Looked at now and then only: each time the number of
 * slabs has doubled.
 */
bool heap_is_ample(const struct heap *heap);

static inline u16 *
granule_entry(u64 granule)
{
	/*
	 * SAFETY: callers have backed the entry's page (granules_back), or have seen that the granule is claimed, or
	 * one of the table's own.
	 */
	return (u16 *)HEAP_BASE + granule;
}

static inline struct slot_header *
slot_header_at(u64 object)
{
	/* SAFETY: callers give the address of a slot's object in a window; a header lies right before each. */
	return (struct slot_header *)(object - sizeof(struct slot_header));
}

/** The heap that a granule's tag names, written by window_claim alone: a number below HEAPS_MAX. */
static inline struct heap *
granule_heap(u32 tag)
{
	/* SAFETY: the compiler's check of the bound would be one more. */
	return (struct heap *)((u64)heaps + tag / HEAP_WINDOWS_EACH * sizeof(struct heap));
}

/** The header of the slot whose object is at `object`, or would be: it may have no memory. Null: no object of this type can be there. */
static inline struct slot_header *
slot_header_find(const struct heap_type *type, const void *object)
{
	u64 at = (u64)object, granule = (at - HEAP_BASE) >> HEAP_GRANULE_SHIFT;
	if (granule >= __atomic_load_n(&heap_next_granule, __ATOMIC_ACQUIRE))
		return nullptr;
	u32 tag = __atomic_load_n(granule_entry(granule), __ATOMIC_RELAXED);
	const struct heap *heap = granule_heap(tag);   /* number 0 has no type */
	if (heap->type != type)
		return nullptr;
	const struct heap_window *window = &heap->windows[tag % HEAP_WINDOWS_EACH];
	u64 in_window = at - window->base;
	if (in_window >= window->bytes)
		return nullptr;
	/*
	 * Exact: in < 2^16 wherever there is more than one slot, and the inverse is off by less than stride ≤ 2^16
	 * parts in 2^32. Below the first object it wraps, and is beyond the last.
	 */
	u64 in = (in_window & heap->slab_mask) - heap->offset, i = (in * heap->inverse) >> 32;
	return i < heap->slots && i * heap->stride == in ? slot_header_at(at) : nullptr;
}

/** The heap of a slot that was found there. */
static inline struct heap *
header_heap(const struct slot_header *header)
{
	return granule_heap(__atomic_load_n(granule_entry(((u64)header + sizeof(*header) - HEAP_BASE) >> HEAP_GRANULE_SHIFT), __ATOMIC_RELAXED));
}
/** The slot with this header, which is in use. */
struct slot slot_of(struct slot_header *header);
/** Slot `number`, which has been handed out: its slab has memory. */
struct slot slot_at(struct heap *heap, u32 number);
/** Slot `number`, whatever that is, and its slab entered. => false: there is no such slot, or no memory behind. */
bool slot_enter(struct heap *heap, u32 number, struct slot *out);
/** How many free slots of the heap lie in magazines. */
u64 magazines_count(const struct heap *heap);
/** One slot of the slab less that is not free. */
void slab_leave(struct slab *slab);

/** Gives a slab memory and makes all its slots free. => its number; SLOT_NONE: no memory. */
u32 slab_grow(struct heap *heap);
/**
 * Takes the memory of a slab away. => false: it has none, or one of its slots is not free; or its heap keeps its
 * pages.
 */
bool slab_retire(struct heap *heap, u32 slab);
/**
 * Frees what retired slabs had, where that is worth an interrupt of every CPU (or `urgent`) and allowed here. =>
 * true: it did.
 */
bool slab_flush(bool urgent);
