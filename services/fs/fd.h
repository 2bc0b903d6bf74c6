// SPDX-License-Identifier: MPL-2.0
/** The inside of descriptor tables, for the calls that change them (fd.c, fd_calls.c). */
#pragma once

#include "fs_impl.h"

ARRAY_DECLARE(fd_bits, u64);

enum : u32 { FD_TABLE_MIN = 64, FD_MAX = 1 << 20 /* fs.nr_open */ };

struct fd_table {
	struct fd_files *files;             /* RCU; written under lock. As many as bits */
	struct atomic32 users;              /* threads */
	struct spin_lock lock;
	struct fd_bits *open GUARDED_BY(&lock);       /* taken, maybe without a file yet */
	struct fd_bits *cloexec GUARDED_BY(&lock);
	u32 next GUARDED_BY(&lock);         /* no free number is below */
};
OBJECT_DECLARE(fd_table);

/** Takes a descriptor's file out. => its reference is the caller's; null: not open */
struct file *fd_take(struct fd_table *table, u32 fd) MUST_HOLD(&table->lock);
/** The end of close(2) for a file that was taken out. */
void fd_finish(struct fd_table *table, struct file *file);
err_t fd_table_copy_below(struct fd_table *from, u32 limit, struct fd_table **scoped out);
/** dup2(2): `file` at exactly `fd`, in place of what is there, which is closed. => EBADF (limit), EBUSY (reserved), ENOMEM */
err_t fd_replace(u32 fd, struct file *file, bool cloexec);
void fd_table_close_range(struct fd_table *table, u32 first, u32 last);
void fd_table_mark_cloexec(struct fd_table *table, u32 first, u32 last);
void fd_table_set_cloexec(struct fd_table *table, u32 fd, bool on);
