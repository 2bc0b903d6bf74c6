// SPDX-License-Identifier: MPL-2.0
/**
 * Memory promised to programs: what may be written privately, or is shared without a file, counts from the moment it is mapped.
 *
 * As Linux' vm.overcommit_memory = 0: one request beyond all of memory is refused, much else is let through; and here the sum
 * has a limit as well. Source: Documentation/mm/overcommit-accounting.rst.
 */
#include <vm_impl.h>

enum : u64 { COMMIT_TIMES = 8, COMMIT_RATIO = 50 };   /* at most so many times all memory; vm.overcommit_ratio, shown in /proc/meminfo */

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

err_t
vm_commit_charge(u64 pages)
{
	u64 total = memory_total();
	if (pages == 0)
		return OK;
	if (pages > total)
		return ENOMEM;
	if (atomic64_add_relaxed(&committed, pages) + pages <= total * COMMIT_TIMES)
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
	return (struct vm_commit){ .committed = atomic64_load_relaxed(&committed), .limit = memory_total() * COMMIT_RATIO / 100 };
}
