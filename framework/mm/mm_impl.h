// SPDX-License-Identifier: MPL-2.0
/**
 * What the files of mm/ and object/ share: a frame's metadata, page tables, policies as they are called.
 */
#pragma once

#include <cadre/policy.h>
#include <debug/debug.h>
#include <mm/mm.h>
#include <mm/ref.h>
#include <sync/raw_lock.h>

/**
 * A frame's metadata; its address is the service's handle, so it lies at one place for ever.
 *
 * `word` (ref.h): the state is enum frame_use. FRAME_UNTYPED frames are counted by both kinds of references; every
 * other use has counts
 * of 0 and belongs to its owner in the framework alone. FRAME_RESERVED is also what a frame is between two uses, while
 * it is zeroed.
 */
struct frame {
	u64 word;                  /* [atomic] */
	u64 owner;                 /* [atomic] the services' note; the framework never looks at it */
	u32 mappings;              /* [atomic] page-table entries of user spaces that map it: a hint */
	struct frame_note note;    /* the policy's; the framework never looks at it */
};
static_assert(sizeof(struct frame) == 32);

enum : u64 { FRAMES_MAX = (u64)1 << 25 };   /* 128 GiB of physical addresses; RAM beyond is not used */

/** Whether the frame has metadata: it lies in a block with RAM. */
bool frame_exists(u64 pfn);

static inline struct frame *
frame_at(u64 pfn)
{
	/*
	 * SAFETY: callers have seen frame_exists(pfn), or hold the frame; metadata of such frames is mapped for ever.
	 */
	return (struct frame *)(META_BASE + pfn * sizeof(struct frame));
}

static inline u64 frame_pfn(const struct frame *frame) { return ((u64)frame - META_BASE) / sizeof(struct frame); }
static inline void *frame_virt(u64 pfn) { return phys_to_virt(pfn << PAGE_SHIFT); }

/** A reference for a page-table entry. => false where the frame is not untyped. */
bool frame_map_get(struct frame *frame);
void frame_map_drop(struct frame *frame);
/**
 * The len bytes at off of its page, pinned until frame_unpin; traps beyond the page and where the frame is not in
 * use.
 */
u8 *frame_access(struct frame *frame, size_t off, size_t len);

/* Page tables: 4 levels of 512 entries, level 3 is the root's. */
enum : u32 { TABLE_BITS = 9, TABLE_ENTRIES = 512, TABLE_ROOT_LEVEL = 3 };

static inline u64 table_span(u32 level) { return (u64)PAGE_SIZE << TABLE_BITS * level; }

static inline u32
table_index(u64 va, u32 level)
{
	return (u32)(va >> (PAGE_SHIFT + TABLE_BITS * level)) & (TABLE_ENTRIES - 1);
}

static inline u64 pte_load(const u64 *entry) { return __atomic_load_n(entry, __ATOMIC_ACQUIRE); }

/**
 * The table below `entry`, whose value was `old`, empty or a mark: a new one full of that. The winner's where another
 * CPU was faster; null: no memory.
 */
u64 *table_create(u64 *entry, u64 old);

enum : u64 { KSPACE_REGION_MAX = (u64)1 << 42 };   /* of each region of kernel space, at most so much is used */

/** Maps npages fresh zeroed frames of `use` at va. Returns how many it could. */
u64 kspace_back(u64 va, u64 npages, enum frame_use use);
/** The same for one page, unless another CPU has mapped one there in between. */
bool kspace_back_once(u64 va, enum frame_use use);
/** Unmaps, but keeps the frames until each CPU has forgotten the translation: kspace_flush, then kspace_reclaim. */
void kspace_retire(u64 va, u64 npages);
bool kspace_retired(u64 va);
void kspace_flush(u64 va, u64 npages);
void kspace_reclaim(u64 va, u64 npages, enum frame_use use);

/** Gives back what the kernel holds unused. => true: something came back. */
bool heap_shrink(void);
bool stack_trim(u32 keep);
/** Whether this CPU may wait for all others here: it holds nothing that they might wait for. */
static inline bool
shootdown_allowed(void)
{
	return arch_irq_enabled() && arch_cpu_load(raw_depth) == 0 && arch_cpu_load(irq_depth) == 0;
}

/** Counts and logs a refused answer of a policy. */
void policy_fault(u64 *counter, struct cbytes what);
extern struct policy_faults policy_fault_counts; /* [atomic] each */
/**
 * Runs the statement, a call of `policy`, contained and with interrupts off; where it traps, `fallback` is `active`
 * for good.
 * => false then: what the statement was to assign is unknown.
 */
#define POLICY_CALL(active, fallback, counter, ...)                                                                    \
	({                                                                                                             \
		u64 policy_flags_ = arch_irq_save();                                                                   \
		auto policy = __atomic_load_n(&(active), __ATOMIC_ACQUIRE);                                            \
		fw_assert(this_cpu()->raw_depth == 0);                                                                 \
		bool policy_ran_ = CONTAINED(__VA_ARGS__);                                                             \
		if (!policy_ran_) {                                                                                    \
			__atomic_store_n(&(active), &(fallback), __ATOMIC_RELEASE);                                    \
			policy_fault(&(counter), TEXT("the policy of " #active " trapped and is replaced"));           \
		}                                                                                                      \
		arch_irq_restore(policy_flags_);                                                                       \
		policy_ran_;                                                                                           \
	})
