// SPDX-License-Identifier: MPL-2.0
/**
 * Boot's call into paging.c.
 */
#pragma once

#include <boot/boot.h>

/** Builds the kernel's page tables for this memory, taking a piece of RAM for them, and loads them. => false: no RAM below 4 GiB for them. */
bool paging_init(struct boot_info *info);
