// SPDX-License-Identifier: MPL-2.0
/**
 * /proc: what the kernel knows of its processes and of itself, as texts. Source: proc(5).
 */
#pragma once

#include <cadre/err.h>

/** Registers the file system and starts what /proc/loadavg needs; after process_start. => ENOMEM */
err_t procfs_init(void);
