// SPDX-License-Identifier: MPL-2.0
// What vm_space.c, cursor.c and user_copy.c share.
#pragma once

#include <mm/mm_impl.h>
#include <task/task_impl.h>

/** A range that a cursor owns or waits for. One for each CPU, since preemption is off while a cursor is open. */
struct vm_range {
	u64 turn;         /* [atomic] 0: none; RANGE_CHOOSING; else the place in the queue */
	u64 start, end;   /* [self] read by others, who look at `turn` before and after */
};

struct vm_space {
	u64 root;                          /* [const] physical address of the root table */
	u64 id;                            /* [const] never used twice */
	u64 tlb_gen;                       /* [atomic] counts flushes: a CPU that has seen this one has nothing stale */
	u64 cpus;                          /* [atomic] CPUs that have it loaded; each changes its own bit with interrupts off */
	u64 frames;                        /* [atomic] frames mapped */
	u64 next_turn;                     /* [atomic] */
	struct vm_range ranges[CPU_MAX];
};

extern const struct heap_type vm_space_handle_type;

/** Makes every CPU forget what it knows of [va, va + npages) of the space. */
void space_flush(struct vm_space *space, u64 va, u64 npages);
/** Unmaps everything, user half. Nobody else has the space. */
void space_clear(struct vm_space *space);
