// SPDX-License-Identifier: MPL-2.0
/**
 * For services whose files have names in a file system that the kernel itself keeps mounted, on no tree (POSIX message queues).
 */
#pragma once

#include <inode.h>

/** Mounts `sb` for the kernel, for ever: takes over the reference to it on success. *out is its root. => ENOMEM */
err_t mount_hidden(struct superblock *sb, struct path *scoped out);
/** Opens what the caller has just made: no permission is asked. */
err_t path_open_made(const struct path *scoped path, u32 flags, struct file **scoped out);
