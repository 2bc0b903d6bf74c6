// SPDX-License-Identifier: MPL-2.0
// Kernel mappings: leaf entries mirrored by mmap of the machine's memory. Those of user space are mirror.c's.
#include <hosted.h>
#include <cpu/cpu.h>
#include <debug/debug.h>

u64
arch_kernel_root(void)
{
	return HOSTED_RAM_START;
}

void
arch_kernel_mapped(u64 va, u64 pa, u32 kmap_flags)
{
	u64 flags = arch_irq_save();
	int prot = (kmap_flags & KMAP_WRITE) != 0 ? HOST_PROT_RW : 1;
	void *got = mmap((void *)va, PAGE_SIZE, prot, HOST_MAP_SHARED | HOST_MAP_FIXED, hosted_memory, (long)pa);
	fw_assert(got == (void *)va);
	arch_irq_restore(flags);
}

void
arch_kernel_unmapped(u64 va, u64 npages)
{
	u64 flags = arch_irq_save();
	if (va >= STACK_BASE && va < STACK_END)
		hosted_fiber_gone(va, npages);
	munmap((void *)va, npages * PAGE_SIZE);
	arch_irq_restore(flags);
}

void arch_tlb_flush_kernel(u64 va, u64 npages) { (void)va, (void)npages; }

u64
arch_physical_limit(void)
{
	return HOSTED_PHYSICAL_LIMIT;
}
