// SPDX-License-Identifier: MPL-2.0
// Until services/fs has these.
#include <inode.h>

err_t path_mount(struct cbytes type, struct cbytes source, struct cbytes name, u32 flags, struct cbytes options) { (void)type, (void)source, (void)name, (void)flags, (void)options; return ENOSYS; }
