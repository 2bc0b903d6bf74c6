// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of scheduling: who a call is about, and the priority of input and output.
 */
#pragma once

#include <sched.h>
#include <thread.h>

enum : u64 { SCHED_CLONE_IO = 0x80000000 };      /* CLONE_IO of clone(2) */

/* --- sched.c --- */
/** The thread that a call is about, with a reference. => EINVAL: pid negative; ESRCH */
err_t sched_find(i32 pid, struct thread **scoped out);
/** Whether it is in the group `who`, or else belongs to the user `who`. */
bool sched_process_matches(struct process *process, bool group, u32 who);

/* --- ioprio.c --- */
err_t ioprio_fork(struct thread *thread, struct thread *parent, u64 clone_flags);
void ioprio_free(struct thread *thread);
