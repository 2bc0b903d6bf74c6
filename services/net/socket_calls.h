// SPDX-License-Identifier: MPL-2.0
/**
 * How sockets get their files: between socket.c and socket_calls.c.
 */
#pragma once

#include "socket.h"

/** A socket of `family`, with a reference that only ops->drop or a file puts. => EAFNOSUPPORT, EINVAL, … */
err_t socket_make(i32 family, i32 type, i32 protocol, struct object **scoped out, const struct socket_ops **scoped ops);
/** Its file; takes over the reference on success. */
err_t socket_file(const struct socket_ops *ops, struct object *private, u32 flags, struct file **scoped out);
