// SPDX-License-Identifier: MPL-2.0
/**
 * The vDSO in a program's address space: a page of data that the kernel keeps, and behind it the image (tools/vdso).
 */
#pragma once

#include <vm_map.h>

/** Makes the pages. After the clock was started. => ENOMEM */
err_t vdso_init(void);
/** Maps both somewhere. => *image is the ELF image's address, for AT_SYSINFO_EHDR and layout.vdso; ENOMEM */
err_t vdso_map(struct vm_map *map, uaddr_t *scoped image);
