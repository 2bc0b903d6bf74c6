// SPDX-License-Identifier: MPL-2.0
/**
 * Control data of messages in user memory (cmsg(3)): files and credentials.
 */
#pragma once

#include "socket.h"

/** => EINVAL, EBADF, EPERM, ESRCH, ENOMEM, ENOBUFS; the caller drops message->files in each case */
err_t socket_control_read(struct socket_message *scoped message, uaddr_t at, u64 len);
/** Writes what was received, as far as there is room (else MSG_CTRUNC in message->flags); files get descriptors. *used: bytes written */
err_t socket_control_write(struct socket *socket, struct socket_message *scoped message, uaddr_t at, u64 len, bool cloexec, u64 *scoped used);
