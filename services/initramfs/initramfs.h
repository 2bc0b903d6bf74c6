// SPDX-License-Identifier: MPL-2.0
/**
 * The first root file system's contents: what stands in the initrd, unpacked.
 *
 * The initrd is any number of cpio archives ("newc" or "crc" format, man 5 cpio) behind each other, each plain or compressed by
 * gzip, xz or zstd, with zeroes in between. What is wrong with one is logged; what was unpacked before that stays.
 */
#pragma once

#include <cadre/err.h>

/**
 * Unpacks the initrd into the root file system and gives its memory back. In a kernel task, once, with the root mounted.
 * => ENOENT: there is no initrd; EINVAL: not an archive, damaged, or it names places outside of it; ENOMEM, ENOSPC: it does not fit.
 */
err_t initramfs_unpack(void);
