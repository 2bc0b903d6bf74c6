// SPDX-License-Identifier: MPL-2.0
/**
 * Signals: sending, and what a thread does about them on its way to user mode.
 *
 * Source: signal(7), sigaction(2), and the x86-64 psABI for the frame.
 */
#pragma once

#include <thread.h>

enum signal_number : u32 {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
	SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ,
	SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS, SIGRTMIN = 32, SIGNAL_MAX = 64,
};
enum signal_code : i32 {
	SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_MESGQ = -3, SI_SIGIO = -5, SI_TKILL = -6,
	ILL_ILLOPN = 2, FPE_INTDIV = 1, FPE_FLTINV = 7, SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2,
	TRAP_BRKPT = 1, TRAP_TRACE = 2, CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED,
};

/** siginfo_t, 128 bytes, in the kernel: plain data; the fields of its union that Linux fills are laid out by signal_info_pack. */
struct signal_info {
	u32 number; i32 code; i32 error;
	u32 pid, uid;           /* sender or child */
	u64 value;              /* sigval; si_call_addr */
	u64 address;            /* faults */
	i32 status; u64 utime, stime;   /* SIGCHLD */
	i32 timer, overrun;     /* SI_TIMER */
	i32 band, fd;           /* SIGIO */
	u64 raw[12]; bool is_raw; /* from rt_sigqueueinfo: the payload as given */
};

/** Objects of process and thread; made by fork and clone. `share`: CLONE_SIGHAND. */
err_t signal_process_create(struct signal_process *from, bool share, struct signal_process **scoped out);
err_t signal_thread_create(struct signal_thread *from, struct signal_thread **scoped out);
/** execve: handlers back to default, alternate stack forgotten. A table shared by CLONE_SIGHAND is unshared: => ENOMEM */
err_t signal_exec(void);
void signal_thread_exit(struct thread *thread);   /* what was pending for it alone is dropped; group signals are retargeted */

/** To one thread, to a process, as the kernel itself. `info` null: SI_KERNEL. Never fails for the kernel's own needs; any task context, spin locks allowed (not in interrupts: use work). */
err_t signal_send_thread(struct thread *thread, u32 number, const struct signal_info *scoped info);
err_t signal_send_process(struct process *process, u32 number, const struct signal_info *scoped info);
/** To all members of a process group (terminals). */
void signal_send_group(struct process_group *group, u32 number);
/** A fault of the running thread: cannot be ignored or blocked; kills then. */
void signal_force(u32 number, i32 code, u64 address);
/** Whether a signal would be delivered to the running thread now: for loops that poll instead of waiting. */
bool signal_pending(void);
/** Whether the running thread is to die now: even uninterruptible waits should give up. */
bool signal_fatal_pending(void);
/** Whether `process` ignores or the running thread blocks `number` (terminals: SIGTTIN, SIGTTOU). */
bool signal_ignored_or_blocked(u32 number);

/** Sets the mask for the time of a system call (ppoll, sigsuspend …): the old one comes back after delivery, or at once where nothing was delivered. */
err_t signal_mask_temporarily(uaddr_t set, u64 size);
/** At the end of such a call: `interrupted` keeps the temporary mask until delivery. */
void signal_mask_restore(bool interrupted);

/**
 * On the way to user mode, with THREAD_WORK_SIGNAL set: restarts the interrupted call or sets up a handler's frame, stops, or ends the process.
 * => whether the thread goes on to user mode.
 */
void signal_deliver(void);
