// SPDX-License-Identifier: MPL-2.0
// What heap.c wants of slab.c: heaps by type and number, slots by number and address, slabs that come and go.
#pragma once

#include <object/heap_impl.h>

extern const struct slab_policy slab_policy_fallback;

/** The heap of a (type, class), made at first use; null: no memory, no addresses or no number left. */
struct heap *heap_of(const struct heap_type *type, u32 class);
/** Heap number id, 1 … heap_count(). */
struct heap *heap_at(u32 id);
/**
 * Whether so many slots are free that growing makes no sense. Looked at now and then only: each time the number of
 * slabs has doubled.
 */
bool heap_is_ample(const struct heap *heap);

/** The slot whose object is at `object`. => false: no object of this type can be there. */
bool slot_find(const struct heap_type *type, const void *object, struct slot *out);
/** Slot `number`, which has been handed out: its slab has memory. */
struct slot slot_at(struct heap *heap, u32 number);
/** Slot `number`, whatever that is, and its slab entered. => false: there is no such slot, or no memory behind. */
bool slot_enter(struct heap *heap, u32 number, struct slot *out);
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
