// SPDX-License-Identifier: MPL-2.0
/**
 * POSIX message queues as others see them: limits and start.
 *
 * Source: mq_overview(7).
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/err.h>

/** /proc/sys/fs/mqueue: what may be made without CAP_SYS_RESOURCE, and what a queue without attributes gets. */
struct mqueue_limits { struct atomic32 queues_max, msg_max, msgsize_max, msg_default, msgsize_default; };
extern struct mqueue_limits mqueue_limits;
enum : u32 { MQ_HARD_MSG_MAX = 65536, MQ_HARD_MSGSIZE_MAX = 16 << 20 };

/** Registers the file system "mqueue" and makes its one instance. After fs. => ENOMEM */
err_t mqueue_init(void);
