// SPDX-License-Identifier: MPL-2.0
// The kernel's page tables as they are: no page is writable and executable, no constant is writable under any address, guards are absent.
#include <arch/string.h>
#include <boot/boot.h>
#include <cadre/policy.h>
#include <cadre/vm_space.h>
#include <mm/mm.h>
#include <test.h>
#include <x86.h>

extern u8 __image_start[], __text_stop[], __rodata_stop[], __ksyms_page[], __image_end[], x86_boot_stacks[], x86_boot_stacks_end[];

/** The leaf that maps va, with its span; 0: none. */
static u64
leaf_of(u64 va, u64 *span)
{
	u64 *table = phys_to_virt(arch_kernel_root());
	for (u32 level = 3;; level--) {
		u64 entry = table[va >> (12 + 9 * level) & 511];
		*span = (u64)1 << (12 + 9 * level);
		if ((entry & PTE_P) == 0)
			return 0;
		if (level == 0 || (entry & PTE_PS) != 0)
			return entry;
		table = phys_to_virt(arch_pte_pa(entry));
	}
}

/** Leaves below one table, by what they allow. */
static void
count(const u64 *table, u32 level, u64 *leaves, u64 *wrong)
{
	for (u32 i = level == 3 ? 256 : 0; i < 512; i++) {
		if ((table[i] & PTE_P) == 0)
			continue;
		if (level > 0 && (table[i] & PTE_PS) == 0) {
			count(phys_to_virt(arch_pte_pa(table[i])), level - 1, leaves, wrong);
			continue;
		}
		++*leaves;
		*wrong += (table[i] & PTE_U) != 0 || ((table[i] & PTE_W) != 0 && (table[i] & PTE_NX) == 0);
	}
}

TEST(no_page_of_the_kernel_is_writable_and_executable_or_the_users)
{
	u64 leaves = 0, wrong = 0;
	count(phys_to_virt(arch_kernel_root()), 3, &leaves, &wrong);
	EXPECT(leaves > 100);
	EXPECT_EQ(wrong, 0);
}

TEST(nothing_is_mapped_in_the_lower_half)
{
	const u64 *root = phys_to_virt(arch_kernel_root());
	for (u32 i = 0; i < 256; i++)
		EXPECT_EQ(root[i], 0);
}

TEST(the_image_is_mapped_by_section_and_its_constants_have_no_writable_alias)
{
	for (u64 va = (u64)__image_start; va < (u64)__image_end; va += PAGE_SIZE) {
		u64 span, leaf = leaf_of(va, &span), alias = leaf_of(DIRECT_MAP_BASE + virt_to_phys((void *)va), &span);
		bool text = va < (u64)__text_stop, constant = va < (u64)__rodata_stop || va >= (u64)__ksyms_page;
		if (leaf == 0) {
			EXPECT(va >= (u64)x86_boot_stacks && va < (u64)x86_boot_stacks_end);
			continue;
		}
		EXPECT_EQ(arch_pte_pa(leaf), va - IMAGE_BASE);
		EXPECT_EQ((leaf & PTE_NX) == 0, text);
		EXPECT_EQ((leaf & PTE_W) != 0, !constant);
		EXPECT((alias & PTE_NX) != 0);
		if (va < (u64)__rodata_stop)
			EXPECT((alias & PTE_W) == 0);
	}
}

TEST(the_last_page_of_the_address_space_and_the_first_of_each_boot_stack_are_absent)
{
	u64 span;
	EXPECT_EQ(leaf_of((u64)-4096, &span), 0);
	for (u32 i = 0; i < 5; i++)
		EXPECT_EQ(leaf_of((u64)x86_boot_stacks + i * 5 * PAGE_SIZE, &span), 0);
	EXPECT(leaf_of((u64)x86_boot_stacks + PAGE_SIZE, &span) != 0);
}

TEST(all_ram_is_in_the_direct_map_and_nothing_beyond)
{
	u64 span;
	for (u32 i = 0; i < boot_info.nram; i++)
		for (u64 pa = boot_info.ram[i].start; pa < boot_info.ram[i].end; pa += PAGE_SIZE * 37) {
			u64 leaf = leaf_of(DIRECT_MAP_BASE + pa, &span);
			EXPECT((leaf & (PTE_P | PTE_W | PTE_NX)) == (PTE_P | PTE_W | PTE_NX));
			EXPECT_EQ(arch_pte_pa(leaf & ~(span - 1)) + pa % span, pa);
		}
	EXPECT_EQ(leaf_of(DIRECT_MAP_BASE + align_up(boot_info.ram_end, PAGE_SIZE), &span), 0);
	EXPECT_EQ(leaf_of(DIRECT_MAP_BASE + 0xa0000, &span), 0);
}

TEST(processor_protections_are_on_where_the_processor_has_them)
{
	u64 cr0, cr4;
	asm volatile("movq %%cr0, %0; movq %%cr4, %1" : "=r"(cr0), "=r"(cr4));
	EXPECT((cr0 >> 16 & 1) != 0);                               /* write protection */
	EXPECT_EQ(cr4 >> 20 & 1, x86_features.smep);
	EXPECT_EQ(cr4 >> 21 & 1, x86_features.smap);
	EXPECT_EQ(cr4 >> 11 & 1, x86_features.umip);
	EXPECT_EQ(cr4 >> 16 & 1, 0);                                /* programs do not set their bases */
	EXPECT((msr_read(MSR_EFER) >> 11 & 1) != 0);
}

TEST(page_table_entries_say_what_they_were_made_for)
{
	for (u32 prot = 0; prot < 8; prot++) {
		u64 pte = arch_pte_user(0x12345000, prot, false);
		EXPECT(arch_pte_present(pte) && arch_pte_pa(pte) == 0x12345000);
		EXPECT_EQ(arch_pte_prot(pte), prot == 0 ? 0 : prot | 1);
		EXPECT_EQ(arch_pte_mark_of(pte), 0);
		EXPECT(!arch_pte_dirty(pte) && !arch_pte_accessed(pte));
	}
	EXPECT_EQ(arch_pte_user(0x1000, 0, false) & PTE_P, 0);      /* the hardware sees nothing */
	EXPECT_EQ(arch_pte_mark(0), 0);
	EXPECT(!arch_pte_present(arch_pte_mark(VM_MARK_MAX)));
	EXPECT_EQ(arch_pte_mark_of(arch_pte_mark(VM_MARK_MAX)), VM_MARK_MAX);
	EXPECT_EQ(arch_pte_mark_of(arch_pte_mark(1)), 1);
	EXPECT((arch_pte_mark(VM_MARK_MAX) & PTE_P) == 0);
}

TEST(devices_are_not_mapped_where_there_can_be_none)
{
	EXPECT(x86_map_early(0x1000, 0, 0) == nullptr);
	EXPECT(x86_map_early(~(u64)0, 2, 0) == nullptr);
	EXPECT(x86_map_early(arch_physical_limit(), 1, 0) == nullptr);
	EXPECT(x86_map_early(0, arch_physical_limit(), 0) == nullptr);
}
