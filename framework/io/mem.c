// SPDX-License-Identifier: MPL-2.0
/** Memory-mapped device registers. */
#include <io/io_impl.h>

/** The right to a range of device memory. */
struct io_mem { struct io_range range; };

static struct io_range *io_mem_ranges;   /* guarded by io_lock */

/* As HANDLE_DEFINE, but that a last reference dropped with interrupts off is let go of by a worker: unmapping waits for
 * the other CPUs. */
static u32 io_mem_heap_ids_[1];
HEAP_TYPE_ENTRY_ const struct heap_type io_mem_handle_type = {
	.name = "io_mem", .size = sizeof(struct io_mem), .align = alignof(struct io_mem),
	.flags = HEAP_FRAMEWORK | HEAP_RELEASE_IN_TASK, .release = io_range_gone, .ids = io_mem_heap_ids_, .nids = 1,
};

/** Whether pages [start, end) have something that no driver may have. */
static bool
io_mem_sensitive(u64 start, u64 end)
{
	u64 from, to;

	for (u32 i = 0; arch_sensitive_memory(i, &from, &to); i++)
		if (from < to && align_down(from, PAGE_SIZE) < end && start < align_up(to, PAGE_SIZE))
			return true;
	return ram_overlaps(start, end);
}

err_t
io_mem_acquire(paddr_t base, u64 len, enum io_cache cache, struct io_mem **out)
{
	u64 limit = align_down(arch_physical_limit(), PAGE_SIZE);

	if (len == 0 || cache > IO_WRITE_COMBINING || range_exceeds(base.raw, len, limit))
		return EINVAL;
	u64 first = align_down(base.raw, PAGE_SIZE), end = align_up(base.raw + len, PAGE_SIZE);
	if (io_mem_sensitive(first, end))
		return EACCES;
	struct io_range wanted = { .list = &io_mem_ranges, .start = base.raw, .end = base.raw + len,
	                           .npages = (end - first) / PAGE_SIZE, .cache = cache };
	/* SAFETY: the handle is its range, and of the type that it is made of. */
	return io_range_create(&io_mem_handle_type, &wanted, (struct io_range **)out);
}

void
io_mem_release(struct io_mem *mem)
{
	heap_put(&io_mem_handle_type, (struct object *)mem);
}

u64
io_mem_len(struct io_mem *mem)
{
	handle_enter(&io_mem_handle_type, mem);
	u64 len = mem->range.end - mem->range.start;
	handle_leave(&io_mem_handle_type, mem);
	return len;
}

/*
 * SAFETY, for each access: 1. [at, at + N / 8) lies in the handle's range and is aligned (io_range_enter). 2. The range
 * is mapped, to nothing but device registers that no one else owns, until the handle's last reference is dropped, which
 * is after the access (io_mem_acquire, io_range_gone).
 */
#define LOAD(N, range, at)         (*(volatile u##N *)((range)->va + (at) - align_down((range)->start, PAGE_SIZE)))
#define STORE(N, range, at, value) LOAD(N, range, at) = value
IO_ACCESS(io_mem, 8)
IO_ACCESS(io_mem, 16)
IO_ACCESS(io_mem, 32)
IO_ACCESS(io_mem, 64)
