// SPDX-License-Identifier: MPL-2.0
/**
 * tmpfs: files and directories in memory. Names are the dentry cache's (SB_PINNED), contents are vm_objects, and limits are the instance's.
 *
 * Source: tmpfs(5).
 */
#pragma once

#include <inode.h>

/** Registers the type. Before fs_init, which mounts one as the root. */
void tmpfs_init(void);
/**
 * A file without a name in an instance of the kernel's own, of `size` bytes, open for reading and writing: memfd_create(2), shared anonymous memory,
 * shmget(2). /proc shows it as "/NAME (deleted)"; `name` is at most 249 bytes. `mode`: permissions. Seals: inode->seals.
 * => ENOMEM, ENFILE
 */
err_t tmpfs_file_create(struct cbytes name, u64 size, u32 mode, u32 flags, struct file **scoped out);
