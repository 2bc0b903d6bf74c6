// SPDX-License-Identifier: MPL-2.0
/**
 * Boot information from a PVH loader's structures (Xen docs/misc/pvh.pandoc, start_info.h), which are trusted in
 * nothing: a pure function of the bytes of physical memory.
 */
#pragma once

#include <boot/boot.h>

/* RAM below is kept for starting CPUs, and for what firmware may have left there. */
enum : u64 { BOOT_LOW_END = 1 << 20 };

/** Physical memory [0, size), as bytes. */
struct phys_view { const u8 *base; u64 size; };

/**
 * Fills `out` from the start information at `start_info`: RAM sorted, merged, cut at `ram_limit`, without what any
 * other entry of the map claims, without `image` (the kernel's own memory), the first MiB, and the initrd; those are in
 * `reserved`. *rsdp: 0 where none was given.
 * => false: no start information, no usable memory map, or the image does not lie in RAM. A module that does not lie in
 *    RAM, or touches the image or the first MiB, is ignored. ncpus is left 1.
 */
bool pvh_parse(struct phys_view memory, u64 start_info, struct boot_range image, u64 ram_limit, struct boot_info *out,
               u64 *rsdp);

/** Takes npages below `limit` out of `ram` into `reserved`. => physical address; 0: there is no such piece. */
u64 boot_ram_take(struct boot_info *info, u64 npages, u64 limit);
