// SPDX-License-Identifier: MPL-2.0
/**
 * The first C code: from the boot loader's hand-over to framework_main.
 */
#include <boot/pvh.h>
#include <cpu/cpu.h>
#include <debug/debug.h>
#include <x86.h>

[[noreturn]] void x86_boot(u64 start_info);

extern u8 __image_start[], __image_end[];

void
x86_boot(u64 start_info)
{
	u64 rsdp = 0;
	if (cpu_area_create(0) == nullptr)
		arch_stop();
	x86_cpu_init(0);
	/* SAFETY: head.S has mapped the first 4 GiB of physical memory; where there is none, reads give all ones. */
	struct phys_view memory = { phys_to_virt(0), (u64)1 << 32 };
	struct boot_range image = { virt_to_phys(__image_start), virt_to_phys(__image_end) };
	if (!pvh_parse(memory, start_info, image, DIRECT_MAP_LIMIT, &boot_info, &rsdp))
		panic("boot: the loader's start information cannot be used (a PVH loader is needed)");
	if (!paging_init(&boot_info))
		panic("boot: no memory below 4 GiB for page tables");
	x86_platform_init(rsdp);
	framework_main(&boot_info);
}
