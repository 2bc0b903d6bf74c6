// SPDX-License-Identifier: MPL-2.0
/**
 * The typed heap's insides: heaps, windows, slabs, slots.
 *
 * A heap holds the slots of one (type, size class). It owns up to HEAP_WINDOWS_EACH windows of addresses, each 32
 * times the one before, for ever.
 * A window is slabs, then the notes of all of them. A slab is a power of two of addresses with `pages` pages behind
 * its start or none. A slot
 * is a header of 16 bytes and the object. Slots and slabs of a heap are numbered through over its windows.
 */
#pragma once

#include <mm/mm_impl.h>

enum : u32 {
	HEAP_WINDOWS_EACH = 4,
	HEAP_GRANULE_SHIFT = 21,      /* windows are multiples of a granule: what one page-table page maps */
	HEAP_GRANULES = (KSPACE_REGION_MAX >> HEAP_WINDOW_SHIFT < HEAP_WINDOWS ? KSPACE_REGION_MAX
	                                                                       : (u64)HEAP_WINDOWS << HEAP_WINDOW_SHIFT) >> HEAP_GRANULE_SHIFT,
	HEAP_FIRST_GRANULE = (HEAP_GRANULES * sizeof(u16) + ((u32)1 << HEAP_GRANULE_SHIFT) - 1) >> HEAP_GRANULE_SHIFT, /* behind the table of granules */
	HEAP_FREE_MAX = 1024,         /* free slots beyond which a heap does not grow, whatever its policy says */
};

/** States of a slot's header (ref.h); all zero is none, so that memory without a slot is never one. */
enum slot_state : u32 {
	SLOT_ABSENT,
	SLOT_CLEAN,      /* free, and all zero but for what a stale pointer has written since */
	SLOT_FREE,       /* free */
	SLOT_CLAIMED,    /* being prepared or released by one CPU */
	SLOT_LIVE,
	SLOT_DYING,      /* waits for RCU readers; below: as in SLOT_CACHED */
	SLOT_CACHED,     /* claimed, and in a CPU's magazine; below: the next header there, from HEAP_BASE, or 0 */
};

struct slot_header {
	u64 word;         /* [atomic] ref.h */
	u32 link;         /* [policy] */
	u32 unused;
};
static_assert(sizeof(struct slot_header) == 16);

/** States of a slab, in the upper bits of its word; below: how many of its slots are not free. */
enum slab_state : u32 { SLAB_NONE = 0, SLAB_BACKED = 1u << 30, SLAB_GOING = 2u << 30, SLAB_STATES = 3u << 30 };

struct slab {
	struct slab_note note;  /* [policy] */
	u32 word;               /* [atomic] enum slab_state + slots not free. It leaves SLAB_BACKED only with none */
	u32 link;               /* [heap.lock] next on the list the slab is on */
	u64 unused;
};
static_assert(sizeof(struct slab) == 32 && PAGE_SIZE % sizeof(struct slab) == 0);

struct heap_window {
	u64 base, bytes;        /* [const] first slab; of all slabs */
	u32 first, nslabs;      /* [const] slab numbers [first, first + nslabs) */
	struct slab *slabs;     /* [const] notes; a page of them is mapped once the first of it is used, and for ever */
};

struct heap {
	const struct heap_type *type;   /* [const] */
	u32 id, class;                  /* [const] */
	u32 slab_shift, pages, slots;   /* [const] addresses, pages and slots of a slab */
	u64 slab_mask;                  /* [const] addresses of a slab - 1 */
	u32 offset, stride, inverse;    /* [const] first object in a slab; from object to object; 2^32 / stride, rounded up, or 0 with one slot */
	struct raw_lock lock;
	u32 nslabs;                     /* [lock; read atomically] numbers ever used: 0 … nslabs - 1 */
	u32 unused, draining;           /* [lock] slabs without memory; unmapped */
	u32 flushing;                   /* [self] of who set flush_running: slabs unmapped and being flushed */
	u32 backed;                     /* [atomic] slabs in SLAB_BACKED */
	u32 nwindows;                   /* [heap_lock; read atomically] */
	struct heap_window windows[HEAP_WINDOWS_EACH];
};

/** A slot that exists: its memory is there, or was. */
struct slot { struct heap *heap; struct slab *slab; struct slot_header *header; u32 number; };

/* geometry.c */
void heap_geometry(struct heap *heap, const struct heap_type *type, u32 class);
u64 heap_window_slabs(const struct heap *heap, u64 window_bytes);
/** Bytes of an object of the class. */
u64 heap_class_size(const struct heap_type *type, u32 class);
u32 heap_class_of(const struct heap_type *type, u64 bytes);
