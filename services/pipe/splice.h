// SPDX-License-Identifier: MPL-2.0
/**
 * Moving bytes between pipes and files inside the kernel: what splice(2) and sendfile(2) share.
 */
#pragma once

#include "pipe.h"

enum splice_flags : u32 { SPLICE_F_MOVE = 1, SPLICE_F_NONBLOCK = 2, SPLICE_F_MORE = 4, SPLICE_F_GIFT = 8, SPLICE_F_ALL = 15 };

/** Where in a file bytes are taken from or put to: at `at`, or (null offset) at the file's own position, or a stream. */
struct splice_place { bool given; u64 at; };

/** Waits for room, then moves up to `len` bytes from the file into the pipe: pages of the page cache are shared. => EAGAIN, EPIPE with SIGPIPE, … */
err_t splice_file_to_pipe(struct file *in, struct splice_place *scoped place, struct pipe *pipe, u64 len, u32 flags, u64 *scoped moved);
/** Copies up to `len` bytes from one file to another through a buffer. */
err_t splice_copy(struct file *in, struct splice_place *scoped from, struct file *out, u64 len, u64 *scoped moved);
