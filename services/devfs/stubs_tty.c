// SPDX-License-Identifier: MPL-2.0
// Until services/fs has these.
#include <inode.h>

err_t path_mkdir(struct cbytes name, u32 mode) { (void)name, (void)mode; return ENOSYS; }
err_t path_mknod(struct cbytes name, u32 mode, u32 major, u32 minor) { (void)name, (void)mode, (void)major, (void)minor; return ENOSYS; }
err_t path_mount(struct cbytes type, struct cbytes source, struct cbytes name, u32 flags, struct cbytes options) { (void)type, (void)source, (void)name, (void)flags, (void)options; return ENOSYS; }
