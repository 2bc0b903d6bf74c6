// SPDX-License-Identifier: MPL-2.0
/**
 * Signals: sending, and what a thread does about them on its way to user mode.
 *
 * Each process has a `signal_process` (handlers, what is pending for all, the group stop) and each thread a `signal_thread` (mask, what is
 * pending for it alone, alternate stack). One lock of the process guards all of it, but for the handlers, which CLONE_SIGHAND shares between
 * processes and which have a lock of their own.
 *
 * Invariant: where a thread has a signal pending that it does not block, or is to stop, THREAD_WORK_SIGNAL is set in its `work` and its task is
 * interrupted. Only signal_deliver takes both back.
 *
 * Lock order: pid_lock, process.lock, thread.lock → signal_process.lock → handlers' lock, user table, poll_queue.lock. All of signal's are
 * irq_spin locks, so signals can be sent in every context.
 *
 * Source: signal(7), sigaction(2), and the x86-64 psABI for the frame.
 */
#pragma once

#include <poll.h>
#include <thread.h>

enum signal_number : u32 {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
	SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ,
	SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS, SIGRTMIN = 32, SIGNAL_MAX = 64,
};
enum signal_code : i32 {
	SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_MESGQ = -3, SI_SIGIO = -5, SI_TKILL = -6,
	SI_ASYNCIO = -4,
	ILL_ILLOPN = 2, FPE_INTDIV = 1, FPE_FLTINV = 7, SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2,
	TRAP_BRKPT = 1, TRAP_TRACE = 2, CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED,
};

/** siginfo_t in the kernel. Which fields of the union a program sees follows from number and code (info.c). */
struct signal_info {
	u32 number; i32 code; i32 error;
	u32 pid, uid;           /* sender or child */
	u64 value;              /* sigval; SIGSYS: address of the call */
	u64 address;            /* faults */
	i32 status; u64 utime, stime;   /* SIGCHLD */
	i32 timer, overrun;     /* SI_TIMER */
	i32 band, fd;           /* SIGIO */
	bool is_raw; u32 given_number; u64 raw[4]; /* from rt_sigqueueinfo(2): the payload as given */
};

/** As user programs have it: 128 bytes. Plain data. */
struct signal_user_info { i32 number, error, code, pad; u64 payload[14]; };
struct signal_user_info signal_info_pack(const struct signal_info *scoped info);

OBJECT_DECLARE(signal_process);
OBJECT_DECLARE(signal_thread);

/* --- life: made by fork and clone, put by the release of the process and the thread --------------------------------- */
/** `from` null: the first process. `share`: CLONE_SIGHAND. => ENOMEM */
err_t signal_process_create(struct signal_process *from, bool share, struct signal_process **scoped out);
/** A mask and an alternate stack as `from` has them (null: none); nothing is pending. => ENOMEM */
err_t signal_thread_create(struct signal_thread *from, struct signal_thread **scoped out);
/** clone(2) with CLONE_VM and without CLONE_VFORK: the child has no alternate stack. Before the start. */
void signal_altstack_forget(struct signal_thread *signal);
/** clone3(2) with CLONE_CLEAR_SIGHAND: handlers become SIG_DFL. Before the start. */
void signal_handlers_clear(struct signal_process *signal);
/** From here on the thread gets signals: once thread->process, ->signal and ->task are set, before its task starts. */
void signal_thread_start(struct thread *thread);
/** execve: handlers back to default, alternate stack forgotten. A table shared by CLONE_SIGHAND is unshared: => ENOMEM */
err_t signal_exec(void);
/** The thread gets no more signals; what was pending for it alone is dropped, group signals are retargeted. By the thread itself. */
void signal_thread_exit(struct thread *thread);

/* --- sending -------------------------------------------------------------------------------------------------------- */
/**
 * To one thread, to a process, as the kernel itself: no permission is asked. `info` null: SI_KERNEL. Any context; locks that come before may be held.
 * => OK also where the signal is ignored or already pending; EAGAIN: no room for one more queued (real-time signals of SI_QUEUE alone).
 */
err_t signal_send_thread(struct thread *thread, u32 number, const struct signal_info *scoped info);
err_t signal_send_process(struct process *process, u32 number, const struct signal_info *scoped info);
/** To all members of a process group (terminals). Takes pid_lock: tasks only. */
void signal_send_group(struct process_group *group, u32 number);
/** A fault of the running thread: cannot be ignored or blocked; kills then. */
void signal_force(u32 number, i32 code, u64 address);
/** Back to the default action: before a signal_force that must kill. */
void signal_reset_handler(u32 number);
/** What handlers find in the frame about the fault that signal_force then tells of: trap number, error code, address (trapno, err, cr2). */
void signal_fault_context(u32 trap, u32 error, u64 address);
/** Whether the running thread may send `number` (0: at all) to `process` (kill(2)). => EPERM */
err_t signal_permitted(struct process *process, u32 number);
/** kill(2)'s way: with permission, as SI_USER; number 0 only asks. => EPERM, EINVAL, EAGAIN */
err_t signal_kill(struct process *process, u32 number);
/** rt_sigqueueinfo(2)'s and pidfd_send_signal(2)'s way: siginfo from user memory, null: as kill. => EFAULT, EINVAL, EPERM, EAGAIN */
err_t signal_queue_user(struct process *process, u32 number, uaddr_t info);

/**
 * A signal made beforehand, of a timer: pending once at most. `dequeued` runs as it is taken to be delivered, in a task without locks; it gets the
 * owner with a reference by `get`, which it puts, and may complete the info.
 */
struct signal_entry;
OBJECT_DECLARE(signal_entry);
struct signal_entry_ops {
	void (*get)(struct object *owner);          /* under the lock of the process */
	void (*dequeued)(struct object *owner, struct signal_info *scoped info);
};
/** => EAGAIN (RLIMIT_SIGPENDING), ENOMEM. `owner` is not counted: it calls signal_entry_cancel before it goes. */
err_t signal_entry_create(const struct signal_info *scoped info, const struct signal_entry_ops *ops, struct object *owner,
	struct signal_entry **scoped out);
/** To `thread`, or where that is null to `process`. Any context. => EALREADY: still pending; ECANCELED: ignored; ESRCH: the target has ended */
err_t signal_send_entry(struct signal_entry *entry, struct process *process, struct thread *thread);
/** Its owner goes; the signal stays pending where it is. Does not put the caller's reference. */
void signal_entry_cancel(struct signal_entry *entry);

/* --- asking --------------------------------------------------------------------------------------------------------- */
/** Whether a signal would be delivered to the running thread now: for loops that poll instead of waiting. */
bool signal_pending(void);
/**
 * How often the running process was sent a signal as one of many: with its group, or with all. Who makes a process asks before and after, with
 * pid_lock held: where it differs the new one may have been meant, too. */
u32 signal_sent_to_many(void);
/** Counts that `process` is sent one so: before it is sent. */
void signal_note_many(struct process *process);
/** Whether the running thread is to die now: even uninterruptible waits should give up. */
bool signal_fatal_pending(void);
/** Whether the process of the running thread ignores or the thread blocks `number` (terminals: SIGTTIN, SIGTTOU). */
bool signal_ignored_or_blocked(u32 number);
/** Whether `process` wants its children to go without wait(2): SIGCHLD ignored, or SA_NOCLDWAIT. */
bool signal_children_reaped(struct process *process);
/** Whether SIGCHLD's disposition is SIG_IGN: then its exit signal is not even sent. */
bool signal_child_ignored(struct process *process);

/** For wait(2): a group stop that was not yet reported. `*number` is the stop signal. `consume`: it is now. */
bool signal_wait_stopped(struct process *process, bool consume, u32 *scoped number);
bool signal_wait_continued(struct process *process, bool consume);
/** Whether all of its threads are stopped. */
bool signal_is_stopped(struct process *process);
/** Whether it is stopped, also while it is still on its way to sleep: for /proc. */
bool signal_thread_stopped(struct thread *thread);

/** Sets as /proc/PID/status shows them, signal n as bit n - 1. */
struct signal_status { u64 pending, shared_pending, blocked, ignored, caught; u32 queued; };
struct signal_status signal_status(struct thread *thread);

/** CPU time of all threads that have not yet ended, and of those that have. Any context. */
struct signal_times { u64 user_ns, kernel_ns; };
struct signal_times signal_process_times(struct process *process);
/** Has the CPUs of its threads account for the time used, soon. => how many threads there are. Any context. */
u32 signal_process_account(struct process *process);

/* --- masks ---------------------------------------------------------------------------------------------------------- */
/** Sets the mask for the time of a system call (ppoll, sigsuspend …): the old one comes back after delivery, or at once where nothing was delivered. */
err_t signal_mask_temporarily(uaddr_t set, u64 size);
/** At the end of such a call: `interrupted` keeps the temporary mask until delivery. */
void signal_mask_restore(bool interrupted);
u64 signal_mask(void);
/** AT_MINSIGSTKSZ: the stack that a signal frame takes. */
u64 signal_stack_min(void);

/* --- signalfd(2): the running thread's ------------------------------------------------------------------------------ */
/** Takes one of `set` that is pending for the running thread. => false: none */
bool signal_dequeue(u64 set, struct signal_info *scoped info);
/** Whether one of `set` is pending for it. */
bool signal_pending_of(u64 set);
/** What is woken when a signal comes for the running process. */
struct poll_queue *signal_poll_queue(void);

/**
 * On the way to user mode, with THREAD_WORK_SIGNAL set or after a system call that gave an ERESTART… error: restarts the interrupted call or sets
 * up a handler's frame, stops, or ends the process (THREAD_WORK_EXIT is set then: look at the work bits again). rax is the call's -error,
 * thread->syscall its number.
 */
void signal_deliver(void);
