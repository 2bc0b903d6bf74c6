// SPDX-License-Identifier: MPL-2.0
/**
 * Processes: how they come, run, execute and end.
 *
 * Source: clone(2), execve(2), exit(2), wait(2), pidfd_open(2).
 * Lock order: pid_lock (services/thread/pid.h) → process.lock → thread.lock → what signal and poll lock.
 */
#pragma once

#include <cadre/object.h>

#include <file.h>
#include <thread.h>

/** Starts the service; after thread_init, vm_init, fs_init. => ENOMEM */
err_t process_start(void);
/** Makes pid 1 and runs the first program that there is on it, as the kernel's command line says; returns when it is started. */
void process_run_init(void);

/** The machine's names (uname(2)), NUL-terminated; `domain` chooses the NIS domain's. Copies the name, returns its length. */
size_t process_hostname(bool domain, struct bytes name);
/** pidfd_send_signal(2) takes an open /proc/PID for a pidfd: `find` gives its process, with a reference. => EBADF: no such directory; ESRCH */
typedef err_t pidfd_directory_fn(struct file *file, struct process **scoped out);
void pidfd_directory_register(pidfd_directory_fn *find);

/** sethostname(2) from /proc/sys. => EINVAL: too long */
err_t process_set_hostname(bool domain, struct cbytes name);
