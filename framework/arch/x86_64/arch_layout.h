// SPDX-License-Identifier: MPL-2.0
/**
 * The map of kernel space on x86-64 (4-level paging). Each region starts on a root entry (512 GiB) of its own; the root
 * entries in use are filled at boot and never change, so user roots share them for ever.
 */
#pragma once

#include <cadre/types.h>

enum : u64 {
	DIRECT_MAP_BASE = 0xffff800000000000,    /* all RAM at its physical address, writable, never executable */
	DIRECT_MAP_LIMIT = (u64)1 << 44,         /* RAM beyond 16 TiB is not used */
	HEAP_BASE = 0xffffc00000000000,          /* HEAP_WINDOWS windows of 16 GiB */
	STACK_BASE = 0xffffe00000000000,
	STACK_END = 0xffffe08000000000,
	META_BASE = 0xffffe80000000000,          /* frame metadata, 512 GiB */
	IO_BASE = 0xfffff00000000000,            /* device registers of io_mem */
	IO_END = 0xfffff08000000000,
	EARLY_BASE = 0xfffff10000000000,         /* what the architecture maps before mm is up: APICs, HPET, tables */
	EARLY_END = EARLY_BASE + ((u64)1 << 30),
	IMAGE_BASE = 0xffffffff80000000,         /* of the image: physical address + this; its last page is unmapped */
	ROOT_ENTRY_SPAN = (u64)1 << 39,
};

enum : u32 {
	HEAP_WINDOW_SHIFT = 34,
	HEAP_WINDOWS = 2048,
	KERNEL_STACK_PAGES = 6,
	BOOT_STACK_PAGES = 4,
	ARCH_IRQ_VECTOR_BASE = 0x30,             /* of device interrupts, up to 0xef */
	ARCH_IRQ_VECTORS = 0xc0,
};
