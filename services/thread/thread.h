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
struct futex_waiter;
struct file;
struct process;
struct process_group;
struct session;
struct tty;
struct process_children;
struct sched_entity;

/** What a thread has to do before it returns to user mode: bits of thread.work, set by anyone, cleared by the thread. */
enum thread_work : u32 {
	THREAD_WORK_SIGNAL = 1,    /**< a signal may be deliverable, or a stop is due */
	THREAD_WORK_EXIT = 2,      /**< the whole group ends: die with process.exit_code */
	THREAD_WORK_TRACE = 8,     /**< its system calls are printed */
};

/** How a system call that returned ERESTART_RESTARTBLOCK goes on (restart_syscall(2)). */
struct restart;
typedef err_t restart_fn(const struct restart *scoped restart, u64 *scoped result);
struct restart {
	restart_fn *fn;     /**< null: nothing to restart, EINTR */
	u64 arg[6];
};

/** Slots of thread.extra. */
enum thread_extra : u32 { THREAD_EXTRA_FUTEX /* the waiter of its plain waits */, THREAD_EXTRA_SEM_UNDO /* its undo list of SysV semaphores */,
	THREAD_EXTRA_IO /* its I/O priority; set once, by anyone under its lock */ };

/** What read(2), write(2) and their kin have moved, and how often they were called: /proc/PID/io. */
struct io_counts { struct atomic64 read_bytes, written_bytes, reads, writes; };

static inline void
io_counts_add(struct io_counts *scoped to, const struct io_counts *scoped from)
{
	(void)atomic64_add_relaxed(&to->read_bytes, atomic64_load_relaxed(&from->read_bytes));
	(void)atomic64_add_relaxed(&to->written_bytes, atomic64_load_relaxed(&from->written_bytes));
	(void)atomic64_add_relaxed(&to->reads, atomic64_load_relaxed(&from->reads));
	(void)atomic64_add_relaxed(&to->writes, atomic64_load_relaxed(&from->writes));
}

struct thread {
	struct task *task;                  /* [const] counted */
	struct user_context *user;          /* [const] counted; its registers [self] */
	struct process *process;            /* [const] counted */
	struct atomic32 tid;                /* changes only when a thread becomes the leader in execve */
	struct atomic32 work;               /* enum thread_work */
	struct spin_lock lock;
	struct vm_map *map GUARDED_BY(&lock);      /* null once it has exited */
	struct fd_table *files GUARDED_BY(&lock);
	struct fs_context *fs GUARDED_BY(&lock);
	struct cred *cred;                  /* counted; published by the thread itself (cred_install); others: thread_cred_get */
	struct signal_thread *signal;       /* [const] */
	struct sched_entity *sched;         /* [const] counted: class, weight, CPUs (services/policy/sched_policy.h) */
	struct atomic32 sched_reset;        /* 1: children start with the default class (SCHED_RESET_ON_FORK) */
	struct restart restart;             /* [self] */
	u64 syscall;                        /* [self] number of the system call that it is in; ~0: none */
	uaddr_t clear_child_tid;            /* [self] set_tid_address(2) */
	uaddr_t robust_list;                /* [self] get_robust_list(2); others look without a lock */
	uaddr_t rseq;                       /* [self] rseq(2): the area that is kept up to date; 0: none */
	u32 rseq_signature;                 /* [self] */
	struct atomic64 name[2];            /* prctl(PR_SET_NAME): thread_name_set, thread_name_get */
	struct object *vfork;               /* [self] counted: who waits for its exec or end (services/process) */
	uaddr_t set_child_tid;              /* [self] where its id is to be stored when it first runs; 0: nowhere */
	u32 exit_code;                      /* [self] wait status of _exit(2) by this thread alone */
	struct atomic32 parent_death_signal; /* written by itself; prctl(PR_SET_PDEATHSIG) */
	u64 timer_slack_ns, timer_slack_default_ns; /* [self] prctl(PR_SET_TIMERSLACK) */
	u64 start_ns;                       /* [const] clock_now() at its making */
	struct atomic64 faults_minor, faults_major, switches_voluntary;
	struct io_counts io;                /* written by itself */
	struct atomic32 ended;              /* 1: it has left its process' work behind: a zombie leader, or about to go */
	LIST_LINK(struct thread) process_link;     /* process.threads, under process.lock */
	struct futex_waiter *futex_waiter;  /* [self] the one in `extra` by its own type, once there is one; not counted */
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
	u32 thread_count GUARDED_BY(&lock); /* of those that have not ended */
	u32 pid;                            /* [const] */
	struct thread *leader GUARDED_BY(&lock);   /* null once it has been waited for */
	struct thread *exec_thread GUARDED_BY(&lock); /* ends all others, to execute */
	struct process *parent;             /* under pid_lock; RCU-readable; null for pid 1 */
	LIST_LINK(struct process) sibling;  /* parent's children, under pid_lock */
	struct process_children *children;  /* [const] counted; pid.h */
	struct process_group *group;        /* counted; under pid_lock, RCU-readable */
	LIST_LINK(struct process) group_link; /* group's members, under pid_lock */
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
	struct io_counts io;                /* of threads that have ended and of children waited for */
	struct atomic32 no_terminal;        /* TIOCNOTTY: its session's terminal is not its own */
	struct atomic32 dumpable, no_new_privs, child_subreaper, oom_score_adj, personality, thp_disable;
	struct atomic32 zombie;             /* 1: all its threads have ended; wait(2) may take it. Set under pid_lock */
	struct atomic32 reaped;             /* 1: wait(2) has taken it, or nobody will. Set under pid_lock */
	u32 parent_tid;                     /* under pid_lock: the thread that made it: __WNOTHREAD, PR_SET_PDEATHSIG */
	u32 exit_signal;                    /* under pid_lock: what its parent is sent at its end; 0: nothing */
	struct object *end_watch;           /* counted: services/process' pidfds are told of its end here. Under lock */
	bool did_exec;                      /* under pid_lock: setpgid(2) refuses such children */
	struct atomic64 resident_peak, children_resident_peak; /* bytes: of an ended one; of children waited for */
};
OBJECT_DECLARE(process);

/** The running thread. => traps in a task that is no user thread. */
struct thread *thread_current(void);
/** The same, or null in a kernel task or an interrupt handler's victim. */
struct thread *thread_current_or_null(void);
static inline struct process *process_current(void) { return thread_current()->process; }

/** Counts a system call of the running thread that read, or wrote, that many bytes; or that failed: 0. */
static inline void
thread_count_read(u64 bytes)
{
	struct thread *self = thread_current();
	atomic64_store_relaxed(&self->io.reads, atomic64_load_relaxed(&self->io.reads) + 1);
	atomic64_store_relaxed(&self->io.read_bytes, atomic64_load_relaxed(&self->io.read_bytes) + bytes);
}
static inline void
thread_count_written(u64 bytes)
{
	struct thread *self = thread_current();
	atomic64_store_relaxed(&self->io.writes, atomic64_load_relaxed(&self->io.writes) + 1);
	atomic64_store_relaxed(&self->io.written_bytes, atomic64_load_relaxed(&self->io.written_bytes) + bytes);
}

/** A thread's name: cut at 15 bytes; `name` gets 16, zeroes behind the text. Any thread, at any time: a reader may see half of the name before. */
enum : u32 { THREAD_NAME_SIZE = 16 };
void thread_name_set(struct thread *thread, struct cbytes name);
void thread_name_get(const struct thread *thread, struct bytes name);
void thread_name_copy(struct thread *thread, const struct thread *from);

/** Another thread's credentials, with a reference. */
struct cred *thread_cred_get(struct thread *thread);

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

/** A limit's soft value for the running process; without one (a kernel task), RLIM_INFINITY. */
u64 rlimit_current(enum rlimit_kind kind);

/** Sets bits of thread.work and makes the thread look at them: ends its interruptible waits, and kicks it out of user mode. Any task context. */
void thread_kick(struct thread *thread, u32 work);

/**
 * What a service above does at turns in a thread's life; missing ones: nothing. Registered once at boot, called in the order of registration
 * (exit: the reverse). All but `fork` and `priority` run as the thread itself, without locks.
 */
struct thread_watch {
	err_t (*fork)(struct thread *thread, struct thread *parent, u64 clone_flags);  /* parent null: the first thread. => an error fails the clone; `exit` is not called then */
	void (*exec)(struct thread *thread);              /* past the point of no return, the only thread */
	void (*exit)(struct thread *thread);              /* still has its map and files */
	void (*process_exit)(struct process *process);    /* as the last thread, after its `exit` */
	void (*priority)(struct thread *thread);          /* a call has set its scheduling class and priority; the caller is any thread, without locks */
	void (*thread_free)(struct thread *thread);       /* the object goes; any context that can put */
	void (*process_free)(struct process *process);    /* likewise */
};
void thread_watch_register(const struct thread_watch *watch);
err_t thread_watch_fork(struct thread *thread, struct thread *parent, u64 clone_flags);
void thread_watch_exec(struct thread *thread);
void thread_watch_exit(struct thread *thread);
void thread_watch_process_exit(struct process *process);
void thread_watch_priority(struct thread *thread);

/** Turns EINTR of a wait into the wish to be restarted after SA_RESTART handlers; all else stays. */
static inline err_t restartable(err_t err) { return err == EINTR ? ERESTARTSYS : err; }
