// SPDX-License-Identifier: MPL-2.0
/**
 * What the files of services/process share.
 */
#pragma once

#include "process.h"

#include <cadre/log.h>
#include <cadre/sync.h>
#include <cadre/user.h>

#include <file.h>
#include <futex.h>
#include <inode.h>
#include <pid.h>
#include <signal.h>
#include <syscall_handlers.h>
#include <uio.h>
#include <vm_map.h>

/* The running thread's (or a thread in the making's) own objects, without a reference. */
static inline struct vm_map *thread_own_map(struct thread *thread) NO_THREAD_SAFETY("its own") { return thread->map; }
static inline struct fd_table *thread_own_files(struct thread *thread) NO_THREAD_SAFETY("its own") { return thread->files; }
static inline struct fs_context *thread_own_fs(struct thread *thread) NO_THREAD_SAFETY("its own") { return thread->fs; }

/* --- loop.c --- */
/** The body of a user thread's task: runs it until it ends. Owns a reference to the thread. */
void thread_body(struct object *arg);

/* --- exit.c --- */
/** Ends the running thread's part in all: called once, at the end of its body. Afterwards only its task is left. */
void thread_end(struct thread *thread);
/** Puts map, files and fs: of the running thread, or of one that was never started. */
void thread_drop_resources(struct thread *thread);
/** Tells who waits for a vfork child. */
void thread_vfork_done(struct thread *thread);
/** clear_child_tid, robust list, vfork: before the thread leaves its address space. */
void thread_leave_map(struct thread *thread);
/** Puts a process' exe and lets its file be written again. */
void process_drop_exe(struct process *process);
/** Takes a dead child out of the tree and the table of ids. Its last reference may go. */
void process_release_ids(struct process *process) MUST_HOLD(&pid_lock);
/** Takes a thread that has ended from those findable, and from its user's: zombies count for RLIMIT_NPROC. */
void thread_forget(struct thread *thread) MUST_HOLD(&pid_lock);
/** Waits like TASK_KILLABLE: only the end of the thread cuts it short. */
#define WAIT_KILLABLE(queue, condition)                                                                                \
	({                                                                                                             \
		err_t killable_err_ = OK;                                                                              \
		do                                                                                                     \
			killable_err_ = WAIT_UNTIL((queue), (condition), WAIT_INTERRUPTIBLE, TIME_NEVER);              \
		while (killable_err_ == EINTR && killable_go_on());                                                    \
		killable_err_;                                                                                         \
	})
bool killable_go_on(void);

/* --- start.c --- */
/** The first process, whose task runs `body` with its thread: it has no map yet. => ENOMEM */
err_t process_make_first(task_fn *body);

/* --- clone.c --- */
/** clone(2), but the new thread's task runs `body` with it in place of the program; that ends in thread_end and a put. As clone(2). */
err_t clone_with_body(u64 flags, task_fn *body, u64 *scoped tid);
struct vfork_wait { struct wait_queue queue; struct atomic32 done; };
OBJECT_DECLARE(vfork_wait);

/* --- exec.c --- */
/** execve(2) by the first thread, with strings of the kernel's: `strings` has argc arguments, then envc of the environment, each with its NUL. */
struct exec_strings {
	struct byte_array *text;
	u32 len, argc, envc;
	u32 env_start;                  /* where the environment begins in text */
};
err_t exec_strings_add(struct exec_strings *scoped strings, struct cbytes string);
err_t exec_kernel(struct cbytes path, struct exec_strings *scoped strings);

/* --- pidfd.c --- */
/** An open pidfd for the process. => ENOMEM, ENFILE */
err_t pidfd_create(struct process *process, u32 flags, struct file **scoped out);
/** The process behind a descriptor, with a reference. => EBADF */
err_t pidfd_process(i32 fd, struct process **scoped out);
/** The process goes. */
void pidfd_process_free(struct process *process);
/** Tells pidfds that the process has ended. */
void pidfd_notify(struct process *process);

/* --- access.c --- */
/** Whether the running thread may look into another as ptrace(2) may (PTRACE_MODE_ATTACH_REALCREDS). */
bool process_may_look(struct thread *thread);
/** One of its threads that has not ended, with a reference; null: none. */
struct thread *process_living_thread(struct process *process);

/* --- rusage.c --- */
struct rusage {
	struct timeval user, system;
	i64 max_resident_kib, unused_ix, unused_id, unused_is, faults_minor, faults_major, swaps, blocks_in, blocks_out, messages_out,
		messages_in, signals, switches_voluntary, switches_involuntary;
};
static_assert(sizeof(struct rusage) == 144);
/** What all threads of a process have used. */
struct rusage rusage_of_process(struct process *process);

/* --- rseq.c --- */
/** A new thread that does not share its parent's memory goes on with the parent's registration. */
void rseq_fork(struct thread *thread, const struct thread *parent);
/** The running thread has a new program. */
void rseq_exec(struct thread *thread);
/** The running thread had lost its CPU, or a handler is to run: writes the CPU into its area, and takes it out of a critical section. => it has one */
void rseq_update(struct thread *thread);
