// SPDX-License-Identifier: MPL-2.0
/**
 * System calls: from a number and six words to a handler, and the trace of calls in strace's form.
 *
 * The table is syscalls.tbl; all else is made from it (tools/syscalls/gen.py). A handler is `err_t sys_<name>(…)` in any service, which
 * includes <syscall_handlers.h>. Takes no locks of its own.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/types.h>

/** The arguments of a call, in the order of the registers: rdi rsi rdx r10 r8 r9. */
struct syscall_args {
	u64 arg[6];
};

/**
 * Runs system call `number`.
 * => false where no handler is linked: *err is ENOSYS.
 * => *err is the handler's; *result is 0 unless the handler set it, and means nothing where *err is not OK.
 */
bool syscall_dispatch(u64 number, const struct syscall_args *scoped args, err_t *scoped err, u64 *scoped result);

/**
 * Logs a call of task `tid`: its name, decoded arguments and result, on one line. _enter logs only the calls that may not come back
 * (`+enter` in the table), _exit every call. Reads strings from the running task's memory, as it is at the time.
 * => preemption is on; may sleep. What cannot be read is shown as an address.
 */
void syscall_trace_enter(u32 tid, u64 number, const struct syscall_args *scoped args);
void syscall_trace_exit(u32 tid, u64 number, const struct syscall_args *scoped args, err_t err, u64 result);
