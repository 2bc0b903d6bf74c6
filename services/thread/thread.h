// SPDX-License-Identifier: MPL-2.0
/**
 * Threads and processes as all services see them: whose turn it is, what it may use, where it belongs.
 *
 * This is the bottom of the services: it knows the other subsystems' objects by name only. `services/process` makes and
 * ends threads; vm, fs, signal … each own the object that a thread refers to.
 *
 * Invariants: a thread belongs to one process for ever. `map`, `files`, `fs` and `cred` are changed by the thread itself
 * alone, so it reads its own without a lock; others read them under `lock`, and take a reference there.
 *
 * Lock order: pid_lock → process.lock → thread.lock → locks of the subsystems.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/list.h>
#include <cadre/object.h>
#include <cadre/spin.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <cadre/user.h>

#include <cred.h>

struct vm_map;
struct fd_table;
struct fs_context;
struct signal_thread;
struct signal_process;
struct file;
struct process;
struct process_group;
struct session;
struct tty;

/** What a thread has to do before it returns to user mode: bits of thread.work, set by anyone, cleared by the thread. */
enum thread_work : u32 {
	THREAD_WORK_SIGNAL = 1,    /**< a signal may be deliverable, or a stop is due */
	THREAD_WORK_EXIT = 2,      /**< the whole group ends: die with process.exit_code */
	THREAD_WORK_RESEQ = 4,     /**< preempted or moved: rseq(2) areas to be looked at */
	THREAD_WORK_TRACE = 8,     /**< its system calls are printed */
};

/** How a system call that returned ERESTART_RESTARTBLOCK goes on (restart_syscall(2)). */
struct restart;
typedef err_t restart_fn(const struct restart *scoped restart, u64 *scoped result);
struct restart {
	restart_fn *fn;     /**< null: nothing to restart, EINTR */
	u64 arg[6];
};

struct thread {
	struct task *task;                  /* [const] */
	struct user_context *user;          /* [const]; its registers [self] */
	struct process *process;            /* [const] counted */
	struct atomic32 tid;                /* changes only when a thread becomes the leader in execve */
	struct atomic32 work;               /* enum thread_work */
	struct spin_lock lock;
	struct vm_map *map GUARDED_BY(&lock);      /* null once it has exited */
	struct fd_table *files GUARDED_BY(&lock);
	struct fs_context *fs GUARDED_BY(&lock);
	struct cred *cred;                  /* published with POINTER_PUBLISH by the thread itself; others: thread_cred_get */
	struct signal_thread *signal;       /* [const] */
	struct restart restart;             /* [self] */
	u64 syscall;                        /* [self] number of the system call that it is in; ~0: none */
	uaddr_t clear_child_tid;            /* [self] set_tid_address(2) */
	uaddr_t robust_list;                /* [self] get_robust_list(2); others look without a lock */
	u64 rseq, rseq_len; u32 rseq_signature; /* [self] rseq(2) */
	u8 name[16];                        /* prctl(PR_SET_NAME), NUL-terminated; torn reads are harmless */
	u64 start_ns;                       /* [const] clock_now() at its making */
	struct atomic64 faults_minor, faults_major, switches_voluntary;
	LIST_LINK(struct thread) process_link;     /* process.threads, under process.lock */
	struct object *extra[4];            /* [self] private objects of services above, e.g. sched; see enum thread_extra */
};
OBJECT_DECLARE(thread);
LIST_OF(thread_list, struct thread, process_link);

/** getrlimit(2). Numbers are Linux'. */
enum rlimit_kind : u32 {
	RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE,
	RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO,
	RLIMIT_RTTIME, RLIMIT_COUNT,
};
enum : u64 { RLIM_INFINITY = ~(u64)0 };
struct rlimit { struct atomic64 soft, hard; };

/** A thread group. */
struct process {
	struct spin_lock lock;
	struct thread_list threads GUARDED_BY(&lock);
	u32 thread_count GUARDED_BY(&lock);
	u32 pid;                            /* [const] */
	struct thread *leader GUARDED_BY(&lock);
	struct process *parent;             /* under pid_lock; RCU-readable; null for pid 1 */
	LIST_LINK(struct process) sibling;  /* parent's children, under pid_lock */
	struct process_children *children;  /* [const] see services/process */
	struct process_group *group;        /* under pid_lock */
	struct signal_process *signal;      /* [const] handlers and what is pending for the whole group */
	struct rlimit limits[RLIMIT_COUNT];
	struct file *exe;                   /* under lock: what it executes; counted */
	struct object *itimers;             /* services/time: posix and interval timers; under lock */
	struct atomic32 exiting;            /* 1: exit_group or a fatal signal has begun */
	u32 exit_code GUARDED_BY(&lock);    /* wait status as wait(2) has it */
	struct wait_queue child_wait;       /* its threads wait here for changes of children */
	u64 start_ns;                       /* [const] */
	struct atomic64 dead_user_ns, dead_kernel_ns;      /* of threads that have ended */
	struct atomic64 children_user_ns, children_kernel_ns; /* of children waited for */
	struct atomic64 faults_minor, faults_major, children_faults_minor, children_faults_major;
	struct atomic32 dumpable, no_new_privs, child_subreaper, oom_score_adj;
	bool did_exec;                      /* under lock: setpgid(2) refuses such children */
};
OBJECT_DECLARE(process);

/** The running thread. => traps in a task that is no user thread. */
struct thread *thread_current(void);
/** The same, or null in a kernel task or an interrupt handler's victim. */
struct thread *thread_current_or_null(void);
static inline struct process *process_current(void) { return thread_current()->process; }

/* The running thread's own objects, without a reference: valid while it does not change them itself. */
struct vm_map *map_current(void);
struct fd_table *files_current(void);
struct fs_context *fs_current(void);

/** Lookups by id, in RCU; the result has a reference for the caller. => null where there is none (or it is being reaped). */
struct thread *thread_find(u32 tid);
struct process *process_find(u32 pid);

/**
 * Begins the end of the running thread's process, as exit_group(2) and fatal signals do: process.exiting and exit_code are set once (the first wins),
 * all its threads get THREAD_WORK_EXIT and task_interrupt. Returns: the thread dies on its way to user mode. Defined by services/process.
 */
void process_group_exit(u32 wait_status);

/** A limit's soft value for the running process. */
u64 rlimit_current(enum rlimit_kind kind);

/** Turns EINTR of a wait into the wish to be restarted after SA_RESTART handlers; all else stays. */
static inline err_t restartable(err_t err) { return err == EINTR ? ERESTARTSYS : err; }
