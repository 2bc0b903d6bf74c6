// SPDX-License-Identifier: MPL-2.0
/**
 * Memory as the rest of the framework sees it: pages for the framework itself, kernel mappings, objects of the
 * framework.
 *
 * Locks (sync/raw_lock.h), all leaves, none held while a policy is called or while this CPU waits for others:
 * `heap_lock` (ids and windows), `heap.lock` (one heap's slab numbers), `stack_lock` (stack slots). Frames, slots,
 * kernel page tables
 * and ASIDs need none: they are changed by compare-and-swap or by their CPU alone. A user page table's ranges are
 * owned by
 * cursors (mm/cursor.c), which spin with preemption off and interrupts on; a task has at most one, taken after all
 * locks.
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
/**
 * n contiguous frames for the framework (stacks, page tables, heap pages, …), below frame number `limit`; FRAME_NONE
 * (policy.h) when gone.
 * Zeroed. Any context, but with no raw lock held: the policy is a service.
 */
u64 kernel_frames_alloc(u64 n, u64 align, u64 limit, enum frame_use use);
void kernel_frames_free(u64 pfn, u64 n, enum frame_use use);
/** Frees RAM that was in use at boot: [start, end), physical, page aligned, one of boot_info.reserved. Once. */
void frames_unreserve(u64 start, u64 end);
enum frame_use frame_use(u64 pfn);
/**
 * Pins an untyped frame for the time of an access: a framework reference; false where it is not (or no longer)
 * untyped.
 */
bool frame_pin(struct frame *frame);
/** Lets go of such a reference; the last of both kinds frees the frame. */
void frame_unpin(struct frame *frame);
/** Whether [start, end) (physical) has RAM in it. */
bool ram_overlaps(u64 start, u64 end);

/* --- kernel space (mm/kspace.c) --- */
void kspace_init(void);
/** Maps n pages at va to the frames from pa on. False: no memory for tables; nothing is mapped then. */
bool kspace_map(u64 va, u64 pa, u64 npages, u32 kmap_flags);
/**
 * Unmaps and makes every CPU forget. Not with interrupts off on more than one CPU; see `kspace_unmap_lazy` in
 * kspace.c for batching.
 */
void kspace_unmap(u64 va, u64 npages);
u64 kspace_translate(u64 va);   /* physical address or ~0 */

/** Stacks: KERNEL_STACK_PAGES mapped above an unmapped guard page; 0 when memory is gone. Returns the top. */
u64 stack_alloc(void);
void stack_free(u64 top);
bool stack_guard_hit(u64 address);
/**
 * The lowest address of the stack that `sp` is on, for setting a limit; 0 where it is on none of these (boot, IST,
 * host stacks).
 */
u64 stack_low(u64 sp);

/* --- objects of the framework on the typed heap (object/heap.c) --- */
/**
 * The framework's handles (task, timer, vm_space …) are heap objects whose pages never go back, so a handle that a
 * service presents is always an object of the right type, live or not. `handle_enter` takes a framework reference for
 * the time of a call and
 * traps (misuse) on null and on an object that is not live.
 */
void heap_init(void);
enum heap_flags : u32 {
	HEAP_FRAMEWORK = 1,        /* pages never go back */
	HEAP_RELEASE_IN_TASK = 2,  /* release is run with interrupts on: later, by a worker, where the last reference goes with them off */
};
/**
 * heap_alloc gives a handle to its creator alone: nobody can get, put or enter it before heap_publish, the creation's
 * last act, makes it
 * live with one reference of a service. heap_discard runs release and gives it back instead.
 */
void heap_publish(const struct heap_type *type, void *object);
void heap_discard(const struct heap_type *type, void *object);
void heap_hold(const struct heap_type *type, void *object);       /* a framework reference more; the object must be live by the caller's knowledge */
bool heap_hold_live(const struct heap_type *type, void *object);  /* the same where live, else false */
void heap_drop(const struct heap_type *type, void *object);       /* a framework reference less; the last of both kinds runs release */
const struct heap_type *heap_type_at(const void *object);         /* whose object that is, live or not; an address never changes that. Null: no object */
bool heap_is_orphan(const struct heap_type *type, void *object);  /* no service has a reference to it */
/**
 * A framework reference for the time of a call on a handle that a service presents; misuse where it is null or not
 * live.
 */
void handle_enter(const struct heap_type *type, void *object);
static inline void handle_leave(const struct heap_type *type, void *object) { heap_drop(type, object); }
/** handle_enter, and handle_leave at the end of the enclosing block. */
struct handle_scope { const struct heap_type *type; void *object; };
static inline void handle_scope_end(struct handle_scope *scope) { handle_leave(scope->type, scope->object); }
#define HANDLE_SCOPE(T, handle)                                                                                        \
	struct handle_scope T##_scope_ __attribute__((cleanup(handle_scope_end), unused)) = { &T##_handle_type, handle }; \
	handle_enter(&T##_handle_type, handle)
/** Whether [address, …) lies where services' pointers can point: the heap's windows. */
bool heap_window_hit(u64 address);
/* Not T_heap_type: no OBJECT_DECLARE of a service can reach a handle. */
#define HANDLE_DEFINE(T, release_fn) HANDLE_DEFINE_FLAGS(T, release_fn, 0)
#define HANDLE_DEFINE_FLAGS(T, release_fn, more) /* as OBJECT_DEFINE_RELEASE, HEAP_FRAMEWORK */                       \
	static u32 T##_heap_ids_[1];                                                                                   \
	HEAP_TYPE_ENTRY_ const struct heap_type T##_handle_type = { .name = #T, .size = sizeof(struct T), .align = alignof(struct T), \
		.flags = HEAP_FRAMEWORK | (more), .release = release_fn, .ids = T##_heap_ids_, .nids = 1 }
/** T_get and T_put, for services. */
#define HANDLE_REFERENCES(T)                                                                                           \
	void T##_get(struct T *handle) { heap_get(&T##_handle_type, (struct object *)handle); }                        \
	void T##_put(struct T *handle) { heap_put(&T##_handle_type, (struct object *)handle); }                        \
	static_assert(true)

/* --- policies: the image's constants, unless a test has put others here or one has trapped --- */
extern const struct frame_policy *frame_policy_active;   /* [atomic] */
extern const struct slab_policy *slab_policy_active;     /* [atomic] */

/* --- spaces --- */
/** The space to run user code in on this CPU: loads `space` unless it is. Interrupts off. Null: leaves what is. */
void vm_space_switch(struct vm_space *space);
/**
 * Closes the running task's open cursor, if it has one (task->cursor): for containment and the end of a task. May be
 * called with interrupts off.
 */
void vm_cursor_abandon(void);
