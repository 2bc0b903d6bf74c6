// SPDX-License-Identifier: MPL-2.0
/** Until services/fs has it. */
#include <inode.h>

err_t path_mknod(struct cbytes name, u32 mode, u32 major, u32 minor) { (void)name, (void)mode, (void)major, (void)minor; return ENOSYS; }
