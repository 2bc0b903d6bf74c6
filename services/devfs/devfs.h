// SPDX-License-Identifier: MPL-2.0
/**
 * devtmpfs: the nodes of the devices that the kernel has, in one tree that is mounted on /dev.
 *
 * Drivers add nodes before or after the tree is mounted; programs may change it as any tmpfs.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/slice.h>

/** A node at a path below /dev ("null", "pts", "input/event0"); directories on the way are made. `mode` has the type. => EEXIST, ENOMEM */
err_t devfs_add(struct cbytes name, u32 mode, u32 uid, u32 gid, u32 major, u32 minor);
/** Removes it. => ENOENT */
err_t devfs_remove(struct cbytes name);
/** The tree, its first nodes, and the memory devices. After fs_init. */
err_t devfs_init(void);
/** Mounts the tree on /dev, unless the command line has devtmpfs.mount=0: for a root that is a disk. Roots from an archive mount it themselves, as on Linux. */
err_t devfs_mount_root(void);
