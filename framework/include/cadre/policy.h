// SPDX-License-Identifier: MPL-2.0
/**
 * Policies: algorithms that services inject into the framework's mechanisms.
 *
 * Each answer is checked: a frame that is not free, a slot in use, a task that runs elsewhere or does not want to, a
 * number out of range is refused, counted (`policy_faults`) and logged, and treated as "none". A policy that traps is replaced
 * for good by a plain built-in fallback. Policies run with interrupts off or a framework lock held: they must not
 * sleep, log, or call anything but what is named here, their own data, and irq_spin locks of their own.
 *
 * The image's policies are three constants that a service defines: `frame_policy`, `slab_policy`, `sched_policy`.
 */
#pragma once

#include <cadre/cpu.h>
#include <cadre/err.h>
#include <cadre/frame.h>
#include <cadre/object.h>

/** "None", as an answer; as a limit, none. */
enum : u64 { FRAME_NONE = ~(u64)0 };
enum : u32 { SLOT_NONE = ~(u32)0 };

enum : u32 {
	FRAME_NOTE_BLOCK = 1024,   /**< frames: a naturally aligned block of so many that has one frame of RAM has notes for all of them */
	HEAPS_MAX = 1024,          /**< heaps are numbered 1 … HEAPS_MAX - 1 */
};

/** The frame allocator's scratch space in each frame's metadata: all its own, all integers, trusted by nobody. */
struct frame_note {
	u32 next, prev;   /* e.g. links of a free list, as frame numbers */
	u8 order, flags;
	u16 unused;
};
/** The note of a frame. => traps where there is no such frame. */
struct frame_note *frame_note(u64 pfn);

/** Single frames, not in any order. */
enum : u32 { FRAME_BATCH = 16 };
struct frame_batch { u32 n; u32 frames[FRAME_BATCH]; };

struct frame_policy {
	/** Frames [pfn, pfn + n) are free from now on: at boot, then never again. Boot CPU only. */
	void (*add)(u64 pfn, u64 n);
	/** n contiguous frames aligned to `align` frames (a power of two), below frame number `limit`. => FRAME_NONE. Any CPU, interrupts off. */
	u64 (*alloc)(u64 n, u64 align, u64 limit);
	/** [pfn, pfn + n) are free again. Any CPU, interrupts off. */
	void (*free)(u64 pfn, u64 n);
	/** The same for single frames, which go by way of the framework's caches: `take` adds what there is, up to FRAME_BATCH. */
	void (*take)(struct frame_batch *scoped batch);
	void (*give)(const struct frame_batch *scoped batch);
};

/** The slab allocator's scratch space for each slab (a run of pages of one heap holding `slots` slots). */
struct slab_note {
	u32 next, prev;
	u32 free_head, nfree;
};
struct slab_note *slab_note(u32 heap, u32 slab);  /* => traps where there is none */
/** The link word of a free slot, for free lists. => traps where the slot has no memory now. */
u32 *slot_link(u32 heap, u32 slot);

/** Slots of a heap, not in any order. */
enum : u32 { SLOT_BATCH = 8 };
struct slot_batch { u32 n; u32 slots[SLOT_BATCH]; };

struct slab_policy {
	/** Adds slots of `heap` to hand out, up to `wanted`. Slots are numbered from 0; slot s lies in slab s / slots. None: grow first. */
	void (*take)(u32 heap, u32 wanted, struct slot_batch *scoped batch);
	/** The slots are free again. */
	void (*give)(u32 heap, const struct slot_batch *scoped batch);
	/** Slab `slab` has memory from now on: its `slots` slots are free. */
	void (*slab_added)(u32 heap, u32 slab, u32 slots);
	/** A slab whose slots are all free and whose memory should go back now. => SLOT_NONE. Asked after a `give`; and under memory pressure (`urgent`) until it says none. */
	u32 (*slab_release)(u32 heap, bool urgent);
};

/** Why a task becomes ready. */
enum sched_reason : u8 { SCHED_NEW, SCHED_WAKE, SCHED_YIELD, SCHED_PREEMPTED };

struct sched_policy {
	/** Prepares a task for scheduling: `*entity` is the policy's own object for it. Task context, may sleep. */
	err_t (*task_init)(struct task *task, struct object **scoped entity);
	/** It has ended: entity is no longer used. */
	void (*task_fini)(struct object *entity);
	/** The CPU a task that becomes ready should go to. Asked where there is more than one. */
	u32 (*select_cpu)(struct object *entity, u32 last_cpu, enum sched_reason reason);
	/** Ready on `cpu` from now on, until picked. => true: what runs there should be preempted. */
	bool (*enqueue)(struct object *entity, u32 cpu, enum sched_reason reason);
	/** The next to run on `cpu`; it is taken off the queue. => null: nothing, idle. */
	struct task *(*pick)(u32 cpu);
	/** `ran_ns` more have been used on `cpu` by the running task. => true: preempt it. Called by ticks and at switches. */
	bool (*tick)(struct object *entity, u32 cpu, u64 ran_ns);
	/** When the running task must be looked at again, as an absolute time; TIME_NEVER: no tick needed (tickless). */
	u64 (*next_tick)(struct object *entity, u32 cpu, u64 now_ns);
};

/** The policy's own object for a task, not counted: sure to be alive between the task's creation and its start only. */
struct object *task_entity(struct task *task);

extern const struct frame_policy frame_policy;
extern const struct slab_policy slab_policy;
extern const struct sched_policy sched_policy;

/** Answers refused since boot. */
struct policy_faults { u64 frame, slab, sched; };
struct policy_faults policy_faults(void);
