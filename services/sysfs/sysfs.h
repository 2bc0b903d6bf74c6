// SPDX-License-Identifier: MPL-2.0
/**
 * /sys: the machine's CPUs, memory and device classes as directories. Source: sysfs(5), Documentation/ABI of Linux for each file.
 */
#pragma once

/** Registers the file system. */
void sysfs_init(void);
