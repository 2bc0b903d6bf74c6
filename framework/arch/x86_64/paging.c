// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel's page tables: built once at boot, from then on extended by mm/kspace.c; and the TLB.
 *
 * | region | pages | access |
 * | --- | --- | --- |
 * | image: text, constants and symbols, data and bss | 4 KiB | execute; read; write (guards of boot stacks: none) |
 * | direct map: all RAM | the largest that fit | write, the image's text and constants read only; never execute |
 * | early: firmware tables, interrupt controllers, HPET | 4 KiB | as asked for, never execute |
 * | heap, stacks, metadata, devices | none: mm/kspace.c | |
 *
 * Nothing is mapped twice with different cache attributes, and no page is writable and executable under any
 * address, the trampoline's root aside, which only a starting CPU loads.
 */
#include <arch/string.h>
#include <boot/pvh.h>
#include <debug/debug.h>
#include <x86.h>

enum : u32 { ENTRIES = 512, EARLY_TABLES = 12 };

extern u8 __image_start[], __text_stop[], __rodata_stop[], __ksyms_page[], __image_end[];
extern u8 x86_boot_stacks[], x86_boot_stacks_end[];

BOOT_CONST static u64 kernel_root, trampoline_root;
/* The boot CPU's alone, before framework_main. */
static u64 pool_next, pool_end;      /* physical: where page tables come from */
static u64 early_next = EARLY_BASE;

static u64
table_alloc(void)
{
	if (pool_next == pool_end)
		return 0;
	u64 pa = pool_next;
	pool_next += PAGE_SIZE;
	page_zero(phys_to_virt(pa));
	return pa;
}

/** The entry of va at `level` (0: 4 KiB pages) with the tables above it; null when the pool is empty. */
static u64 *
entry_of(u64 root, u64 va, u32 level)
{
	/* SAFETY: 1. every table is a page of the pool, in the direct map, below 4 GiB: tables_init. 2. The index
	 * is masked to 511. 3. No entry on the way is a large page: regions are disjoint, and each range is mapped
	 * once. */
	u64 *table = phys_to_virt(root);
	for (u32 at = 3; at > level; at--) {
		u64 *entry = &table[va >> (PAGE_SHIFT + 9 * at) & (ENTRIES - 1)];
		if (*entry == 0) {
			u64 pa = table_alloc();
			if (pa == 0)
				return nullptr;
			/* No PTE_U: what lies below is the kernel's whatever a leaf says. */
			*entry = arch_pte_table(pa) & ~(u64)PTE_U;
		}
		table = phys_to_virt(arch_pte_pa(*entry));
	}
	return &table[va >> (PAGE_SHIFT + 9 * level) & (ENTRIES - 1)];
}

static bool
map(u64 va, u64 pa, u64 len, u32 kmap_flags)
{
	for (u64 span = 0; len > 0; va += span, pa += span, len -= span) {
		u32 level = x86_features.gbpages ? 2 : 1;
		for (span = (u64)PAGE_SIZE << 9 * level; level > 0 && ((va | pa) % span != 0 || len < span); level--)
			span >>= 9;
		u64 *entry = entry_of(kernel_root, va, level);
		if (entry == nullptr)
			return false;
		*entry = arch_pte_kernel(pa, kmap_flags) | (level > 0 ? (u64)PTE_PS : 0);
	}
	return true;
}

/** Tables that mapping the direct map, the image and the regions can take, counted generously. */
static u64
tables_needed(const struct boot_info *info)
{
	u64 n = 2 + 3 + EARLY_TABLES + 4 + ((u64)__image_end - (u64)__image_start) / (ENTRIES * PAGE_SIZE);
	n += 6 * ((u64)info->nram + info->nreserved + 4);
	for (u32 i = 0; i < info->nram; i++)
		n += (info->ram[i].end - info->ram[i].start) >> 30;
	return n;
}

static bool
map_image(void)
{
	u64 data = (u64)__rodata_stop, symbols = (u64)__ksyms_page, slot = (BOOT_STACK_PAGES + 1) * PAGE_SIZE;
	u64 text = (u64)__image_start, constants = (u64)__text_stop;
	bool ok = map(text, text - IMAGE_BASE, constants - text, KMAP_EXEC) &&
	          map(constants, constants - IMAGE_BASE, data - constants, 0) &&
	          map(symbols, symbols - IMAGE_BASE, (u64)__image_end - symbols, 0);
	for (u64 at = data; ok && at < symbols; at += PAGE_SIZE) {
		bool stacks = at >= (u64)x86_boot_stacks && at < (u64)x86_boot_stacks_end;
		if (!stacks || (at - (u64)x86_boot_stacks) % slot != 0)
			ok = map(at, at - IMAGE_BASE, PAGE_SIZE, KMAP_WRITE);
	}
	return ok;
}

static bool
map_ram(struct boot_range range)
{
	u64 start = align_down(range.start, PAGE_SIZE), end = align_up(range.end, PAGE_SIZE);
	bool image = range.start == virt_to_phys(__image_start);   /* reserved as one range: pvh_parse */
	u64 fixed = image ? virt_to_phys(__rodata_stop) - start : 0;   /* read only */
	return map(DIRECT_MAP_BASE + start, start, fixed, 0) &&
	       map(DIRECT_MAP_BASE + start + fixed, start + fixed, end - start - fixed, KMAP_WRITE);
}

bool
paging_init(struct boot_info *info)
{
	u64 npages = tables_needed(info), pool = boot_ram_take(info, npages, (u64)1 << 32);
	if (pool == 0)
		return false;
	pool_next = pool;
	pool_end = pool + npages * PAGE_SIZE;
	kernel_root = table_alloc();
	trampoline_root = table_alloc();
	bool ok = map_image();
	for (u32 i = 0; ok && i < info->nram; i++)
		ok = map_ram(info->ram[i]);
	for (u32 i = 0; ok && i < info->nreserved; i++)
		ok = map_ram(info->reserved[i]);
	u64 *low = ok ? entry_of(trampoline_root, 0, 1) : nullptr;
	if (low == nullptr)
		return false;
	*low = PTE_P | PTE_W | PTE_PS;   /* the first 2 MiB at their own address; not global: forgotten with the root */
	/* SAFETY: the new tables map everything in use: the code that runs here and its stack in the image, the
	 * pool in the direct map. */
	cr3_write(kernel_root);
	return true;
}

void *
x86_map_early(u64 pa, u64 len, u32 kmap_flags)
{
	u64 start = align_down(pa, PAGE_SIZE), va = early_next;
	if (len == 0 || range_exceeds(pa, len, arch_physical_limit()))
		return nullptr;
	u64 size = align_up(pa + len, PAGE_SIZE) - start;
	if (range_exceeds(va, size, EARLY_END))
		return nullptr;
	/* Page by page, so that no large page spans different kinds of memory. */
	for (u64 off = 0; off < size; off += PAGE_SIZE)
		if (!map(va + off, start + off, PAGE_SIZE, kmap_flags & ~(u32)KMAP_EXEC))
			return nullptr;
	early_next = va + size;
	/* SAFETY: mapped just now, and never unmapped; [pa, pa + len) is the caller's to know. */
	return (void *)(va + (pa - start));
}

u64
arch_kernel_root(void)
{
	return kernel_root;
}

u64
x86_trampoline_root(void)
{
	u64 *root = phys_to_virt(trampoline_root);
	memcpy(root + ENTRIES / 2, (u64 *)phys_to_virt(kernel_root) + ENTRIES / 2, PAGE_SIZE / 2);
	return trampoline_root;
}

u64
arch_physical_limit(void)
{
	return (u64)1 << x86_features.physical_bits;
}

/* --- TLB. Absent entries are never cached, so a new mapping needs nothing. --- */

enum : u64 { CR3_KEEP = (u64)1 << 63, CR4_PGE_BIT = 1 << 7, INVLPG_MAX = 32 };

void
arch_kernel_mapped(u64 va, u64 pa, u32 kmap_flags)
{
	(void)va, (void)pa, (void)kmap_flags;
}

/** => false: too many pages to do it one by one. */
static bool
invalidate(u64 va, u64 npages)
{
	/* SAFETY: only forgets translations. */
	for (u64 i = 0; i < npages && npages <= INVLPG_MAX; i++)
		asm volatile("invlpg (%0)" : : "r"(va + i * PAGE_SIZE) : "memory");
	return npages <= INVLPG_MAX;
}

/**
 * Every entry of this CPU, global or not, of every address-space id: a change of CR4.PGE does that (SDM 3A,
 * 4.10.4.1).
 */
static void
flush_everything(void)
{
	u64 flags = arch_irq_save(), cr4 = cr4_read();
	/* SAFETY: PGE only changes how long translations are kept; without it, a load of CR3 forgets all. CR3 and
	 * CR4 end as they were. */
	cr4_write(cr4 & ~CR4_PGE_BIT);
	cr4_write(cr4);
	if ((cr4 & CR4_PGE_BIT) == 0)
		cr3_write(cr3_read());
	arch_irq_restore(flags);
}

void
arch_tlb_flush_kernel(u64 va, u64 npages)
{
	if (!invalidate(va, npages))
		flush_everything();
}

void
arch_kernel_unmapped(u64 va, u64 npages)
{
	arch_tlb_flush_kernel(va, npages);
}

void
arch_tlb_flush_user(u64 va, u64 npages, u16 asid)
{
	(void)asid;   /* that of the space now loaded */
	/* SAFETY: the same root; without CR3_KEEP, which drops what belongs to the loaded id. */
	if (!invalidate(va, npages))
		cr3_write(cr3_read());
}

void
arch_tlb_flush_all(void)
{
	if (x86_features.pcid)
		flush_everything();
	else
		cr3_write(cr3_read());
}

u16
arch_asid_count(void)
{
	return x86_features.pcid ? 4095 : 0;
}

void
arch_space_load(u64 root_pa, u16 asid, bool flush)
{
	u64 id = x86_features.pcid ? asid & 4095 : 0;
	/* SAFETY: the root's upper half is the kernel root's (vm_space.c), so the kernel goes on where it stands. */
	cr3_write(root_pa | id | (id != 0 && !flush ? CR3_KEEP : 0));
}
