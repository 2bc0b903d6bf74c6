// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of signals: the state of a process and of a thread, and the steps that the system calls share.
 *
 * `sp->lock` guards a process' signals and those of all its threads. A thread is on `sp->threads` from signal_thread_start to
 * signal_thread_exit; only then may `st->thread` be used by others.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/list.h>
#include <cadre/spin.h>
#include <cadre/sync.h>

#include <clock.h>
#include <poll.h>
#include <signal.h>
#include <syscall_handlers.h>
#include <thread.h>
#include <uio.h>

enum : u64 { SIG_DFL = 0, SIG_IGN = 1 };
enum : u64 {
	SA_NOCLDSTOP = 1, SA_NOCLDWAIT = 2, SA_SIGINFO = 4, SA_UNSUPPORTED = 0x400, SA_EXPOSE_TAGBITS = 0x800,
	SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000, SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000,
	SA_RESETHAND = 0x80000000,
	SA_KNOWN = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND |
		SA_EXPOSE_TAGBITS,
};
enum : u32 { SS_ONSTACK = 1, SS_DISABLE = 2, SS_AUTODISARM = 1u << 31 };
enum : u64 { SIGSET_SIZE = 8 };

/** Bit of signal n in a set, and sets with a meaning of their own (signal(7)). */
static inline u64 sigbit(u32 number) { return (u64)1 << ((number - 1) & 63); }
static inline bool sigset_has(u64 set, u32 number) { return (set & sigbit(number)) != 0; }
#define SIGBIT(number) ((u64)1 << ((number) - 1))
enum : u64 {
	SIGSET_UNBLOCKABLE = SIGBIT(SIGKILL) | SIGBIT(SIGSTOP),
	SIGSET_STOP = SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU),
	SIGSET_DEFAULT_IGNORE = SIGBIT(SIGCONT) | SIGBIT(SIGCHLD) | SIGBIT(SIGWINCH) | SIGBIT(SIGURG),
	SIGSET_CORE = SIGBIT(SIGQUIT) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGABRT) | SIGBIT(SIGFPE) | SIGBIT(SIGSEGV) |
		SIGBIT(SIGBUS) | SIGBIT(SIGSYS) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ),
	SIGSET_SYNCHRONOUS = SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS),
};

/** As rt_sigaction(2) has it. Plain data. */
struct signal_action { u64 handler, flags, restorer, mask; };

/**
 * Several threads or processes may have them. While one thread alone has, it reads and writes its actions without the lock: others look at
 * handlers only, one word each (signal_handler), and at SIGCHLD's flags, which is written under the lock always.
 */
struct signal_handlers {
	struct irq_spin_lock lock;
	bool shared;                        /* set by the one thread before there is another, and stays */
	struct signal_action actions[SIGNAL_MAX + 1] GUARDED_BY(&lock);
};
OBJECT_DECLARE(signal_handlers);

/** One queued signal. */
struct signal_entry {
	struct signal_info info;            /* [const] while queued */
	struct user_account *user;          /* [const] counted: who is charged for it; null: nobody */
	const struct signal_entry_ops *ops; /* a timer's; under the target's lock */
	struct object *owner;               /* likewise; null: it has gone */
	struct atomic32 queued;             /* of a timer's: 1 while it is on a list */
	bool is_timer;                      /* [const] made by signal_entry_create */
	LIST_LINK(struct signal_entry) link;
};
LIST_OF(signal_entry_list, struct signal_entry, link);

/** What is pending: a set, and what is known about its signals in order of arrival. A signal in the set may have no entry (no memory). */
struct signal_pending {
	u64 set;
	struct signal_entry_list entries;
};

struct signal_altstack { u64 base, size; u32 flags; };

/** An FPU image as frames have it, with room for all components up to AVX-512 (Intel SDM 1, 13.5: they end at 2688) and the word behind them. */
struct fpu_image { u32 words[(2688 + 4) / 4]; };
OBJECT_DECLARE(fpu_image);

struct signal_thread {
	struct signal_process *process;     /* [const] from the start on; counted */
	struct thread *thread;              /* sp->lock: null before the start and after the exit */
	struct signal_pending pending;      /* sp->lock */
	u64 blocked;                        /* written by the thread itself under sp->lock */
	u64 waited;                         /* sp->lock: what sigtimedwait waits for, though blocked */
	u64 saved_mask;                     /* [self] to come back after a temporary mask */
	bool has_saved_mask;                /* [self] */
	bool stop_due;                      /* sp->lock: has yet to stop for the group stop */
	bool stopped;                       /* sp->lock */
	struct signal_altstack altstack;    /* [self] */
	u32 fault_trap, fault_error; u64 fault_address; /* [self] of the last fault, for frames */
	struct fpu_image *frame_image;      /* [self] counted: buffer for the FPU state in frames; made at need */
	u32 kill_count; err_t kill_err; bool kill_any; /* [self] result of a kill to many */
	LIST_LINK(struct signal_thread) link;
};
LIST_OF(signal_thread_list, struct signal_thread, link);

struct signal_process {
	struct irq_spin_lock lock;
	struct process *process GUARDED_BY(&lock);              /* from the first start on; not counted: it holds us */
	struct signal_handlers *handlers GUARDED_BY(&lock);     /* counted */
	struct signal_pending shared GUARDED_BY(&lock);
	struct atomic32 sent_to_many;       /* see signal_sent_to_many */
	struct signal_thread_list threads GUARDED_BY(&lock);
	struct signal_entry *spare GUARDED_BY(&lock);           /* counted: an entry that was taken, for the next signal; may be null */
	u32 stop_signal GUARDED_BY(&lock);  /* a group stop is on its way or complete; 0: none */
	u32 continues GUARDED_BY(&lock);    /* counts SIGCONTs and SIGKILLs */
	u32 stop_left GUARDED_BY(&lock);    /* threads that have yet to stop */
	u32 report_stop GUARDED_BY(&lock);  /* wait(2) was not yet told of this stop signal */
	bool report_continued GUARDED_BY(&lock);
	u32 notify GUARDED_BY(&lock);       /* what a thread tells the parent on its way: CLD_STOPPED or CLD_CONTINUED; 0: nothing */
	struct wait_queue stop_wait;        /* stopped threads */
	struct poll_queue poll;             /* signalfd */
};

/* --- queue.c --- */
struct signal_entry *signal_entry_make(struct user_account *user, const struct signal_info *scoped info);
/** The same for an entry that goes to a queue of the process at once: mostly its spare one. */
struct signal_entry *signal_entry_take(struct signal_process *sp, struct user_account *user, const struct signal_info *scoped info) MUST_HOLD(&sp->lock);
void signal_pending_add(struct signal_pending *pending, u32 number, struct signal_entry *entry);
/** Takes the first `number` off. The entry (null: nothing is known about it) is the caller's to put. */
struct signal_entry *signal_pending_take(struct signal_pending *pending, u32 number);
/** Forgets all of `set`. */
void signal_pending_flush(struct signal_pending *pending, u64 set);
/** The next to be delivered among `set`, which is not empty: faults first, then by number. */
u32 signal_first(u64 set);

/* --- send.c --- */
struct signal_action signal_action_of(struct signal_process *sp, u32 number) MUST_HOLD(&sp->lock);
/** Its handler alone, as it was a moment ago. Any context. */
u64 signal_handler(struct signal_handlers *handlers, u32 number);
/** The running thread's: exchanges the action; null `new`: only tells the old one. */
void signal_action_swap(struct signal_handlers *handlers, u32 number, const struct signal_action *scoped new, struct signal_action *scoped old);
/** The running thread's, to be performed now: SA_RESETHAND takes effect. */
void signal_action_take(struct signal_handlers *handlers, u32 number, struct signal_action *scoped out);
/** Sets or leaves THREAD_WORK_SIGNAL. */
void signal_recalc(struct signal_process *sp, struct signal_thread *st) MUST_HOLD(&sp->lock);
/** Finds a thread for each of `set` that is pending for all: its former taker blocks it now, or goes. */
void signal_retarget(struct signal_process *sp, struct signal_thread *except, u64 set) MUST_HOLD(&sp->lock);
/** A signal taken off its queue. */
struct signal_taken { u32 number; /* 0: none */ struct signal_entry *entry; struct object *owner; };
/** One for the running thread out of `set`. */
void signal_take(struct signal_process *sp, struct signal_thread *st, u64 set, struct signal_taken *scoped out) MUST_HOLD(&sp->lock);
/** Tells what is known about a taken signal, where that is known without its owner, and keeps the entry. => false: signal_taken_info has to */
bool signal_taken_keep(struct signal_process *sp, struct signal_taken *scoped taken, struct signal_info *scoped info) MUST_HOLD(&sp->lock);
/** Ends what signal_take began, without the lock: tells what is known about the signal, and puts the entry. */
void signal_taken_info(struct signal_taken *scoped taken, struct signal_info *scoped info);
void signal_force_info(const struct signal_info *scoped info);

/* --- mask.c --- */
void signal_set_mask(u64 mask);
/** => EPERM: it stands on the old one; EINVAL; ENOMEM: too small */
err_t signal_altstack_set(struct signal_thread *st, const struct signal_altstack *scoped new, u64 rsp);
static inline struct signal_thread *signal_self(void) { return thread_current()->signal; }
err_t sigset_read(uaddr_t from, u64 size, u64 *scoped set);

/* --- stop.c --- */
/** The default action of a stop signal. */
void signal_group_stop(struct signal_process *sp, u32 number) MUST_HOLD(&sp->lock);
/** Ends the group stop. `continued`: by SIGCONT, which the parent is told of. */
void signal_group_continue(struct signal_process *sp, bool continued) MUST_HOLD(&sp->lock);
/** Where the thread is to stop: does so until it is continued; tells the parent what there is to tell. */
void signal_stop_here(struct signal_process *sp, struct signal_thread *st);
/** A thread that goes does not hold up the group stop. */
void signal_notify(struct signal_process *sp);
void signal_stop_leave(struct signal_process *sp, struct signal_thread *st) MUST_HOLD(&sp->lock);

/* --- frame.c --- */
/** Sets the thread up to run its handler. => EFAULT: no stack to do it on */
err_t signal_frame_push(const struct signal_info *scoped info, const struct signal_action *scoped action, u64 mask);
/** Whether sp is on the alternate stack. */
bool signal_on_altstack(const struct signal_altstack *scoped stack, u64 sp);

/* --- info.c --- */
/** => EFAULT; EINVAL: number differs or is out of range */
err_t signal_info_read(uaddr_t from, u32 number, struct signal_info *scoped info);
