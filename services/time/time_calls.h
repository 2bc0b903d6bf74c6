// SPDX-License-Identifier: MPL-2.0
/**
 * Time for programs: clocks by number, sleeping, interval and POSIX timers, timerfd(2), and the limit of CPU time.
 *
 * A process' timers hang on process->itimers, made at the first use. What a timer's function shares with system calls is under irq_spin
 * locks, since it runs in interrupts.
 *
 * Lock order: realtime registry → a timer's own lock → signal_process.lock, poll_queue.lock.
 */
#pragma once

#include <thread.h>

void time_init(void);

/** RLIMIT_CPU of the process was changed: setrlimit(2). */
void time_cpu_limit_changed(struct process *process);
