// SPDX-License-Identifier: MPL-2.0
/**
 * Unpacks cpio archives, from a stream into the root file system.
 *
 * Source: cpio(5), "New ASCII Format"; Documentation/driver-api/early-userspace/buffer-format.rst of Linux for what an initramfs is.
 */
#pragma once

#include "decode/stream.h"

/** What was unpacked. Plain numbers. */
struct cpio_count { u64 entries, bytes; };

/**
 * One archive, up to and with its trailer.
 * => EINVAL: no archive, damaged, or a name leads out of it; ENOMEM, ENOSPC: does not fit. Each is logged. *count says how far it came
 */
err_t cpio_unpack(struct stream *stream, struct cpio_count *scoped count);
