// SPDX-License-Identifier: MPL-2.0
/** What the files of services/devfs share. */
#pragma once

#include <cadre/log.h>

#include <devfs.h>
#include <inode.h>
#include <uio.h>

enum : u32 { MEM_MAJOR = 1 };

err_t mem_init(void);       /* mem.c: null, zero, full */
err_t kmsg_init(void);      /* kmsg.c */
