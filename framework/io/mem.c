// SPDX-License-Identifier: MPL-2.0
/** Memory-mapped device registers. */
#include <io/io_impl.h>

/** The right to a range of device memory. */
struct io_mem {
	struct io_range range;
	bool mapped;             /* [self] of who makes and who releases it */
};

static struct io_registry io_mem_registry;

/**
 * No service has the handle and no access is under way: nothing reads through the mapping any more. Interrupts are on:
 * other CPUs must forget it.
 */
static void
io_mem_gone(struct object *object)
{
	struct io_mem *mem = (struct io_mem *)object;

	if (mem->mapped)
		kspace_unmap(mem->range.va, mem->range.npages);
	io_range_forget(&io_mem_registry, &mem->range);
}

/* As HANDLE_DEFINE, but that a last reference dropped with interrupts off is let go of by a worker. */
static u32 io_mem_heap_ids_[1];
HEAP_TYPE_ENTRY_ const struct heap_type io_mem_handle_type = {
	.name = "io_mem", .size = sizeof(struct io_mem), .align = alignof(struct io_mem),
	.flags = HEAP_FRAMEWORK | HEAP_RELEASE_IN_TASK, .release = io_mem_gone, .ids = io_mem_heap_ids_, .nids = 1,
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

/** Claims and maps the handle's range. Whatever of it was done goes with the handle. */
static err_t
io_mem_map(struct io_mem *mem)
{
	u32 flags = KMAP_WRITE | (mem->range.cache == IO_UNCACHED ? KMAP_UNCACHED : KMAP_WRITE_COMBINING);

	TRY(io_range_claim(&io_mem_registry, &mem->range));
	mem->mapped = kspace_map(mem->range.va, align_down(mem->range.start, PAGE_SIZE), mem->range.npages, flags);
	return mem->mapped ? OK : ENOMEM;
}

err_t
io_mem_acquire(paddr_t base, u64 len, enum io_cache cache, struct io_mem **out)
{
	if (len == 0 || cache > IO_WRITE_COMBINING || range_exceeds(base.raw, len, align_down(arch_physical_limit(), PAGE_SIZE)))
		return EINVAL;
	u64 first = align_down(base.raw, PAGE_SIZE), end = align_up(base.raw + len, PAGE_SIZE);
	if (io_mem_sensitive(first, end))
		return EACCES;
	struct io_mem *mem = (struct io_mem *)heap_alloc(&io_mem_handle_type);
	if (mem == nullptr)
		return ENOMEM;
	mem->range = (struct io_range){ .start = base.raw, .end = base.raw + len, .npages = (end - first) / PAGE_SIZE, .cache = cache };
	err_t err = io_mem_map(mem);
	if (err != OK)
		heap_put(&io_mem_handle_type, (struct object *)mem);
	else
		*out = mem;
	return err;
}

void
io_mem_release(struct io_mem *mem)
{
	heap_put(&io_mem_handle_type, (struct object *)mem);
}

/**
 * Pins the handle, so that the mapping stays, and checks the access. Inline: a trap's back trace begins at the service.
 */
[[gnu::always_inline]] static inline u64
io_mem_enter(struct io_mem *mem, u64 off, u64 size)
{
	handle_enter(&io_mem_handle_type, mem);
	u64 va = mem->range.va + mem->range.start % PAGE_SIZE + off;
	bool bad = range_exceeds(off, size, mem->range.end - mem->range.start) || va % size != 0;
	if (bad) {
		handle_leave(&io_mem_handle_type, mem);
		misuse("access beyond or across device memory");
	}
	return va;
}

u64
io_mem_len(struct io_mem *mem)
{
	handle_enter(&io_mem_handle_type, mem);
	u64 len = mem->range.end - mem->range.start;
	handle_leave(&io_mem_handle_type, mem);
	return len;
}

/* SAFETY, for each access: 1. [va, va + size) lies in the handle's range and is aligned (io_mem_enter). 2. The range
 * is mapped, to nothing but
 * device registers that no one else owns, until the handle's last reference is dropped, which is after the access
 * (io_mem_acquire, io_mem_gone). */
#define IO_MEM_ACCESS(T, read, write)                                                                                  \
	T                                                                                                              \
	read(struct io_mem *mem, u64 off)                                                                              \
	{                                                                                                              \
		u64 va = io_mem_enter(mem, off, sizeof(T));                                                            \
		T value = *(volatile T *)va;                                                                           \
		handle_leave(&io_mem_handle_type, mem);                                                                     \
		return value;                                                                                          \
	}                                                                                                              \
	void                                                                                                           \
	write(struct io_mem *mem, u64 off, T value)                                                                    \
	{                                                                                                              \
		u64 va = io_mem_enter(mem, off, sizeof(T));                                                            \
		*(volatile T *)va = value;                                                                             \
		handle_leave(&io_mem_handle_type, mem);                                                                     \
	}
IO_MEM_ACCESS(u8, io_mem_read8, io_mem_write8)
IO_MEM_ACCESS(u16, io_mem_read16, io_mem_write16)
IO_MEM_ACCESS(u32, io_mem_read32, io_mem_write32)
IO_MEM_ACCESS(u64, io_mem_read64, io_mem_write64)
