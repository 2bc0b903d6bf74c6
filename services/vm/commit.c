// SPDX-License-Identifier: MPL-2.0
/**
 * Memory promised to programs: what may be written privately, or is shared without a file, counts from the moment it is mapped.
 *
 * vm.overcommit_memory, as on Linux: 0: one request beyond all of memory is refused, much else is let through, and here the sum has a limit as
 * well; 1: all is let through; 2: the sum stays below overcommit_ratio hundredths of memory. Source: Documentation/mm/overcommit-accounting.rst.
 */
#include <vm_impl.h>

enum : u64 { COMMIT_TIMES = 8 };   /* at most so many times all memory */

struct atomic32 vm_overcommit_memory, vm_overcommit_ratio;

static struct atomic64 committed;
static struct atomic64 total_frames;   /* 0: not asked for yet */

static u64
memory_total(void)
{
	u64 total = atomic64_load_relaxed(&total_frames);
	if (total == 0) {
		total = memory_stat().total;
		atomic64_store_relaxed(&total_frames, total);
	}
	return total;
}

bool
commit_counts(u32 prot, u32 flags, bool has_object)
{
	if ((flags & VM_NORESERVE) != 0)
		return false;
	return (flags & VM_SHARED) != 0 ? !has_object : (prot & VM_WRITE) != 0;
}

/** vm.overcommit_memory = 2: what all programs together may be promised. */
static u64
commit_limit(void)
{
	return memory_total() * atomic32_load_relaxed(&vm_overcommit_ratio) / 100;
}

err_t
vm_commit_charge(u64 pages)
{
	u64 total = memory_total();
	u32 mode = atomic32_load_relaxed(&vm_overcommit_memory);
	if (pages == 0)
		return OK;
	if (pages > total && mode == VM_OVERCOMMIT_GUESS)
		return ENOMEM;
	u64 sum = atomic64_add_relaxed(&committed, pages) + pages;
	if (mode == VM_OVERCOMMIT_ALWAYS || sum <= (mode == VM_OVERCOMMIT_NEVER ? commit_limit() : total * COMMIT_TIMES))
		return OK;
	vm_commit_uncharge(pages);
	return ENOMEM;
}

void
vm_commit_uncharge(u64 pages)
{
	if (pages != 0)
		(void)atomic64_sub(&committed, pages);
}

struct vm_commit
vm_commit(void)
{
	return (struct vm_commit){ .committed = atomic64_load_relaxed(&committed), .limit = commit_limit() };
}
