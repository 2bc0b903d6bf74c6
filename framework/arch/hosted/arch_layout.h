// SPDX-License-Identifier: MPL-2.0
/**
 * Where things lie in the address space of the hosted kernel: one stretch that the address and the thread sanitizer of clang 22 both leave
 * to the program (TSan: 0x5500… to 0x5a00…; ASan's own allocator ends at 0x5400…).
 */
#pragma once

#include <cadre/types.h>

enum : u64 {
	DIRECT_MAP_BASE = 0x570000000000,
	DIRECT_MAP_LIMIT = (u64)1 << 36,  /* HOSTED_PHYSICAL_LIMIT */
	META_BASE = 0x578000000000,
	IO_BASE = 0x57c000000000,
	IO_END = 0x580000000000,
	STACK_BASE = 0x580000000000,
	STACK_END = 0x588000000000,
	HEAP_BASE = 0x588000000000,
	HEAP_WINDOW_SHIFT = 31,
	HEAP_WINDOWS = 704,              /* to 0x59e000000000 */
	KERNEL_STACK_PAGES = 32,         /* sanitizers' frames and the host's signal frames are large */

	HOSTED_PHYSICAL_LIMIT = (u64)1 << 36, /* the memfd's length; where there is no RAM it plays device memory */
	HOSTED_RAM_START = 0x100000,     /* RAM begins here, its first page is the kernel's root table */
};

enum : u32 {
	ARCH_IRQ_VECTOR_BASE = 48,
	ARCH_IRQ_VECTORS = 64,
	HOSTED_FPU_MAX = 2816,           /* x87 to AVX-512 */
	HOSTED_GSIS = 32,
	HOSTED_GSI_TIMER = 0,            /* the one that plays the framework's own */
};
