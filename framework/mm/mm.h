// SPDX-License-Identifier: MPL-2.0
/**
 * Memory as the rest of the framework sees it: pages for the framework itself, kernel mappings, objects of the framework.
 */
#pragma once

#include <cadre/frame.h>
#include <cadre/object.h>
#include <cadre/vm_space.h>

/* --- frames (mm/frame.c) --- */
/** Takes the boot information's RAM: metadata, then the policy. */
void frame_init(void);
/** What a frame is used for. Only FRAME_UNTYPED can be mapped for users or reached through a struct frame. */
enum frame_use : u8 { FRAME_RESERVED, FRAME_FREE, FRAME_UNTYPED, FRAME_DMA, FRAME_KERNEL, FRAME_HEAP, FRAME_TABLE };
/** n contiguous frames for the framework (stacks, page tables, heap pages, …); FRAME_NONE (policy.h) when gone. Zeroed. Any context. */
u64 kernel_frames_alloc(u64 n, u64 align, u64 limit, enum frame_use use);
void kernel_frames_free(u64 pfn, u64 n, enum frame_use use);
enum frame_use frame_use(u64 pfn);
/** Pins an untyped frame for the time of an access: a framework reference; false where it is not (or no longer) untyped. */
bool frame_pin(struct frame *frame);
void frame_unpin(struct frame *frame);
/** Whether [start, end) (physical) has RAM in it. */
bool ram_overlaps(u64 start, u64 end);

/* --- kernel space (mm/kspace.c) --- */
void kspace_init(void);
/** Maps n pages at va to the frames from pa on. False: no memory for tables; nothing is mapped then. */
bool kspace_map(u64 va, u64 pa, u64 npages, u32 kmap_flags);
/** Unmaps and makes every CPU forget. Not with interrupts off on more than one CPU; see `kspace_unmap_lazy` in kspace.c for batching. */
void kspace_unmap(u64 va, u64 npages);
u64 kspace_translate(u64 va);   /* physical address or ~0 */

/** Stacks: KERNEL_STACK_PAGES mapped above an unmapped guard page; 0 when memory is gone. Returns the top. */
u64 stack_alloc(void);
void stack_free(u64 top);
bool stack_guard_hit(u64 address);

/* --- objects of the framework on the typed heap (object/heap.c) --- */
/**
 * The framework's handles (task, timer, vm_space …) are heap objects whose pages never go back, so a handle that a
 * service presents is always an object of the right type, live or not. `handle_enter` takes a framework reference for the time of a call and
 * traps (misuse) on null and on an object that is not live.
 */
void heap_init(void);
enum heap_flags : u32 { HEAP_FRAMEWORK = 1 /* pages never go back */ };
void heap_hold(const struct heap_type *type, void *object);       /* a framework reference more; the object must be live by the caller's knowledge */
bool heap_hold_live(const struct heap_type *type, void *object);  /* the same where live, else false */
void heap_drop(const struct heap_type *type, void *object);       /* a framework reference less; the last of both kinds runs release */
/** Whether [address, …) lies where services' pointers can point: the heap's windows. */
bool heap_window_hit(u64 address);
#define HANDLE_DEFINE(T, release_fn) /* as OBJECT_DEFINE_RELEASE, HEAP_FRAMEWORK */                                     \
	static u32 T##_heap_ids_[1];                                                                                   \
	HEAP_TYPE_ENTRY_ const struct heap_type T##_heap_type = { .name = #T, .size = sizeof(struct T), .align = alignof(struct T), \
		.flags = HEAP_FRAMEWORK, .release = release_fn, .ids = T##_heap_ids_, .nids = 1 }

/* --- spaces --- */
void vm_space_init(void);
/** The space to run user code in on this CPU: loads `space` unless it is. Interrupts off. Null: leaves what is. */
void vm_space_switch(struct vm_space *space);
