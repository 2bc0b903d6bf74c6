// SPDX-License-Identifier: MPL-2.0
/**
 * What the machine told us at start, checked and copied to memory of our own. Filled by the architecture before framework_main().
 */
#pragma once

#include <cadre/types.h>

enum : u32 { BOOT_RANGES_MAX = 64, BOOT_CMDLINE_MAX = 2048 };

struct boot_range { u64 start, end; };   /* physical, half-open */

struct boot_info {
	struct boot_range ram[BOOT_RANGES_MAX];       /* usable RAM: page aligned, sorted, disjoint, without what `reserved` has */
	u32 nram;
	struct boot_range reserved[BOOT_RANGES_MAX];  /* RAM in use: kernel image, boot page tables, initrd */
	u32 nreserved;
	struct boot_range initrd;                     /* empty: none */
	char cmdline[BOOT_CMDLINE_MAX];               /* NUL terminated */
	u32 ncpus;                                    /* that can be started; number 0 is running */
	u64 ram_end;                                  /* highest RAM address + 1, reserved RAM included */
};

extern struct boot_info boot_info;   /* [const] after boot */
