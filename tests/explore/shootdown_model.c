// SPDX-License-Identifier: MPL-2.0
// Kernel mappings go (mm/kspace.c, mm/stack.c, cpu/call.c): no frame is free while any CPU can still reach it by what its TLB has.
#include <explore.h>
#include <mm/mm_impl.h>
#include "env.h"

static u32 posted[EXPLORE_THREADS];   /* an interrupt is on its way to this CPU */
static u64 tlb[EXPLORE_THREADS];      /* of each CPU: the frame it has for the stack's page; 0 for none */
static u32 used[EXPLORE_PAGES];       /* frames that are allocated */
static u32 quiet;                     /* the unmapping CPU is done */
static u64 top;

u64 arch_kernel_root(void) { return 0; }
void arch_kernel_mapped(u64 va, u64 pa, u32 kmap_flags) { (void)va, (void)pa, (void)kmap_flags; }
void arch_kernel_unmapped(u64 va, u64 npages) { (void)va, (void)npages; tlb[explore_self()] = 0; }
void arch_tlb_flush_kernel(u64 va, u64 npages) { (void)va, (void)npages; tlb[explore_self()] = 0; }

void
arch_ipi(u32 cpu, enum ipi_kind kind)
{
	(void)kind;
	__atomic_fetch_add(&posted[cpu], 1, __ATOMIC_SEQ_CST);
}

u64
kernel_frames_alloc(u64 n, u64 align, u64 limit, enum frame_use use)
{
	(void)n, (void)align, (void)limit, (void)use;
	for (u32 pfn = 1; pfn < EXPLORE_PAGES; pfn++)
		if (__atomic_exchange_n(&used[pfn], 1, __ATOMIC_SEQ_CST) == 0)
			return pfn;
	return FRAME_NONE;
}

void
kernel_frames_free(u64 pfn, u64 n, enum frame_use use)
{
	(void)n, (void)use;
	EXPLORE_CHECK(__atomic_exchange_n(&used[pfn], 0, __ATOMIC_SEQ_CST) == 1);
}

static void
setup(void)
{
	env_cpus_init(2);
	top = stack_alloc();
	EXPLORE_CHECK(top != 0);
}

/** Gives the stack's memory back. */
static void
unmapping_thread(void)
{
	stack_free(top);
	stack_trim(0);
	__atomic_store_n(&quiet, 1, __ATOMIC_SEQ_CST);
}

/** What a processor does on its own: fills its TLB from the tables at any time, and uses it; interrupts between instructions. */
static void
touching_thread(void)
{
	u32 self = explore_self();
	while (__atomic_load_n(&quiet, __ATOMIC_SEQ_CST) == 0) {
		u64 pa = tlb[self] == 0 ? kspace_translate(top - PAGE_SIZE) : ~(u64)0;
		if (pa != ~(u64)0)
			tlb[self] = pa >> PAGE_SHIFT;
		if (tlb[self] != 0)
			EXPLORE_CHECK(__atomic_load_n(&used[tlb[self]], __ATOMIC_SEQ_CST) == 1);
		if (__atomic_exchange_n(&posted[self], 0, __ATOMIC_SEQ_CST) != 0)
			ipi_dispatch(IPI_CALL);
	}
}

static void
finish(void)
{
	EXPLORE_CHECK(kspace_translate(top - PAGE_SIZE) == ~(u64)0);
}

MODEL(kernel_shootdown, .setup = setup, .threads = { unmapping_thread, touching_thread }, .finish = finish);
