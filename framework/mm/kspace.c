// SPDX-License-Identifier: MPL-2.0
/**
 * Kernel mappings: page tables of kernel space, W^X, and taking mappings back from every CPU.
 *
 * Each kernel address has one owner (a heap's slab, a stack's slot, the metadata, a device mapping), which alone maps
 * and unmaps it; tables are
 * added by compare-and-swap and never removed. So no lock is needed.
 *
 * A mapping goes in three steps: retire (the entry keeps the frame's number but is absent), flush (every CPU forgets),
 * reclaim
 * (the frame is free). One flush serves any number of retired pages.
 */
#include <mm/mm_impl.h>

enum : u64 {
	META_SIZE = FRAMES_MAX * sizeof(struct frame),
	ENTRY_BUSY = VM_MARK_MAX,   /* as a mark: its CPU is about to map a page here */
};

/** The regions whose mappings are made here. */
static const struct { u64 start, end; } regions[] = {
	{ HEAP_BASE, HEAP_BASE + ((u64)HEAP_WINDOWS << HEAP_WINDOW_SHIFT) },
	{ STACK_BASE, STACK_END }, { META_BASE, META_BASE + META_SIZE }, { IO_BASE, IO_END },
};

u64 *
table_create(u64 *entry, u64 old)
{
	u64 pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_TABLE);
	if (pfn == FRAME_NONE)
		return nullptr;
	/* SAFETY: the page is ours alone until it stands in the entry; tables are indexed below TABLE_ENTRIES. */
	u64 *table = frame_virt(pfn);
	for (u32 i = 0; old != 0 && i < TABLE_ENTRIES; i++)
		table[i] = old;   /* what stood for the whole span stands for each part of it */
	if (ref_move(entry, old, arch_pte_table(pfn << PAGE_SHIFT)))
		return table;
	kernel_frames_free(pfn, 1, FRAME_TABLE);
	return phys_to_virt(arch_pte_pa(pte_load(entry)));
}

/** The leaf entry of va; null where there is no table for it (`create`: no memory for one). */
static u64 *
kspace_entry(u64 va, bool create)
{
	/*
	 * SAFETY: the root and every table below it is a page in the direct map that is never freed; indices are
	 * below 512: table_index.
	 */
	u64 *table = phys_to_virt(arch_kernel_root());
	for (u32 level = TABLE_ROOT_LEVEL; level > 0; level--) {
		u64 *entry = &table[table_index(va, level)];
		u64 pte = pte_load(entry);
		if (arch_pte_present(pte))
			table = phys_to_virt(arch_pte_pa(pte));
		else if (!create || (table = table_create(entry, pte)) == nullptr)
			return nullptr;
	}
	return &table[table_index(va, 0)];
}

/** Whether [va, va + npages) lies in one of the regions. */
static bool
kspace_owns(u64 va, u64 npages)
{
	for (u32 i = 0; i < COUNTOF(regions); i++)
		if (va >= regions[i].start && !range_exceeds(va - regions[i].start, npages << PAGE_SHIFT, regions[i].end - regions[i].start))
			return va % PAGE_SIZE == 0 && npages <= (u64)1 << 48;
	return false;
}

bool
kspace_map(u64 va, u64 pa, u64 npages, u32 kmap_flags)
{
	fw_assert(kspace_owns(va, npages) && pa % PAGE_SIZE == 0);
	fw_assert((kmap_flags & (KMAP_WRITE | KMAP_EXEC)) != (KMAP_WRITE | KMAP_EXEC));
	for (u64 at = va; at < va + (npages << PAGE_SHIFT); at = align_down(at, table_span(1)) + table_span(1))
		if (kspace_entry(at, true) == nullptr)
			return false;
	for (u64 i = 0; i < npages; i++) {
		u64 at = va + (i << PAGE_SHIFT), to = pa + (i << PAGE_SHIFT);
		bool was_free = ref_move(kspace_entry(at, false), 0, arch_pte_kernel(to, kmap_flags));
		fw_assert(was_free);
		arch_kernel_mapped(at, to, kmap_flags);
	}
	return true;
}

bool
kspace_back_once(u64 va, enum frame_use use)
{
	fw_assert(kspace_owns(va, 1));
	u64 *entry = kspace_entry(va, true);
	if (entry == nullptr)
		return false;
	if (arch_pte_present(pte_load(entry)))
		return true;
	u64 pfn = kernel_frames_alloc(1, 1, FRAME_NONE, use);
	if (pfn == FRAME_NONE)
		return false;
	/*
	 * Nobody may see the entry present before the architecture has the mapping; interrupts are off, so others
	 * wait a moment only.
	 */
	u64 flags = arch_irq_save();
	bool mine = ref_move(entry, 0, arch_pte_mark(ENTRY_BUSY));
	if (mine) {
		arch_kernel_mapped(va, pfn << PAGE_SHIFT, KMAP_WRITE);
		__atomic_store_n(entry, arch_pte_kernel(pfn << PAGE_SHIFT, KMAP_WRITE), __ATOMIC_RELEASE);
	}
	arch_irq_restore(flags);
	if (mine)
		return true;
	kernel_frames_free(pfn, 1, use);
	while (!arch_pte_present(pte_load(entry)))
		arch_pause();
	return true;
}

u64
kspace_back(u64 va, u64 npages, enum frame_use use)
{
	u64 done = 0;
	while (done < npages && kspace_back_once(va + (done << PAGE_SHIFT), use))
		done++;
	return done;
}

void
kspace_retire(u64 va, u64 npages)
{
	for (u64 i = 0; i < npages; i++) {
		u64 *entry = kspace_entry(va + (i << PAGE_SHIFT), false);
		u64 pte = pte_load(entry);
		fw_assert(arch_pte_present(pte));
		__atomic_store_n(entry, arch_pte_mark((arch_pte_pa(pte) >> PAGE_SHIFT) + 1), __ATOMIC_SEQ_CST);
	}
	arch_kernel_unmapped(va, npages);
}

bool
kspace_retired(u64 va)
{
	const u64 *entry = kspace_entry(va, false);
	return entry != nullptr && arch_pte_mark_of(pte_load(entry)) != 0;
}

void
kspace_reclaim(u64 va, u64 npages, enum frame_use use)
{
	for (u64 i = 0; i < npages; i++) {
		u64 *entry = kspace_entry(va + (i << PAGE_SHIFT), false);
		u64 mark = arch_pte_mark_of(pte_load(entry));
		fw_assert(mark != 0);
		__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
		kernel_frames_free(mark - 1, 1, use);
	}
}

struct kspace_range { u64 va, npages; };

static void
kspace_flush_here(void *arg)
{
	const struct kspace_range *range = arg;   /* SAFETY: kspace_flush's, who waits for us */
	arch_tlb_flush_kernel(range->va, range->npages);
}

void
kspace_flush(u64 va, u64 npages)
{
	struct kspace_range range = { va, npages };
	cpu_call(cpu_online_set(), kspace_flush_here, &range);
}

void
kspace_unmap(u64 va, u64 npages)
{
	fw_assert(kspace_owns(va, npages));
	for (u64 i = 0; i < npages; i++) {
		u64 pte = __atomic_exchange_n(kspace_entry(va + (i << PAGE_SHIFT), false), 0, __ATOMIC_SEQ_CST);
		fw_assert(arch_pte_present(pte));
	}
	arch_kernel_unmapped(va, npages);
	kspace_flush(va, npages);
}

u64
kspace_translate(u64 va)
{
	const u64 *entry = kspace_entry(va, false);
	u64 pte = entry != nullptr ? pte_load(entry) : 0;
	return arch_pte_present(pte) ? arch_pte_pa(pte) | (va & (PAGE_SIZE - 1)) : ~(u64)0;
}

void
kspace_init(void)
{
	/* User roots copy the kernel's root entries, so all that will ever be wanted are made now. */
	/* SAFETY: the root is a page in the direct map; table_index is below 512. */
	u64 *root = phys_to_virt(arch_kernel_root());
	for (u32 i = 0; i < COUNTOF(regions); i++) {
		u64 end = MIN(regions[i].end, regions[i].start + KSPACE_REGION_MAX);
		for (u64 va = align_down(regions[i].start, table_span(3)); va < end; va += table_span(3)) {
			u64 *entry = &root[table_index(va, 3)];
			if (!arch_pte_present(pte_load(entry)) && table_create(entry, pte_load(entry)) == nullptr)
				panic("no memory for the kernel's page tables");
		}
	}
}
