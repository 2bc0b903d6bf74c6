// SPDX-License-Identifier: MPL-2.0
/**
 * The explorer's address space: only what the headers want to be defined; page tables are walked, nothing is mapped.
 */
#pragma once

#include <cadre/types.h>

enum : u64 {
	DIRECT_MAP_BASE = 0x570000000000,
	META_BASE = 0x578000000000,
	IO_BASE = 0x57c000000000,
	IO_END = 0x580000000000,
	STACK_BASE = 0x580000000000,
	STACK_END = 0x588000000000,
	HEAP_BASE = 0x588000000000,
	HEAP_WINDOW_SHIFT = 31,
	HEAP_WINDOWS = 704,
	KERNEL_STACK_PAGES = 1,
};

enum : u64 { EXPLORE_PAGES = 12 };   /* of explore_memory */

enum : u32 { ARCH_IRQ_VECTOR_BASE = 48, ARCH_IRQ_VECTORS = 64 };
