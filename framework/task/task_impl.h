// SPDX-License-Identifier: MPL-2.0
/**
 * The framework's view of a task. Draft: task/ owns it and may add to it.
 */
#pragma once

#include <cadre/task.h>
#include <cadre/sync.h>
#include <cadre/vm_space.h>
#include <cpu/cpu.h>
#include <debug/debug.h>

enum : u32 { TASK_LOCKS_MAX = 16 };

enum task_state : u32 { TASK_NEW, TASK_READY, TASK_RUNNING, TASK_BLOCKED, TASK_DEAD };

struct held_lock {
	void *lock;
	enum lock_kind : u8 { LOCK_SPIN, LOCK_IRQ_SPIN, LOCK_MUTEX, LOCK_RW_READ, LOCK_RW_WRITE } kind;
};

struct task {
	u32 id;                           /* [const] */
	u32 state;                        /* [atomic] enum task_state */
	u32 on_cpu;                       /* [atomic] its stack is in use by a CPU: not to be run elsewhere, not to be freed */
	u32 last_cpu;                     /* [self] */
	u32 end;                          /* [atomic] enum task_end */
	u32 interrupted;                  /* [atomic] */
	u32 rcu_depth;                    /* [self] */
	u32 nlocks;                       /* [self] */
	struct held_lock locks[TASK_LOCKS_MAX]; /* [self] in order of taking */
	struct contain_frame *contain;    /* [self] innermost place to come back to */
	struct arch_context context;      /* [self] while on_cpu; else of who switches */
	u64 stack_top;                    /* [const] */
	task_fn *fn;                      /* [const] */
	struct object *arg;               /* [const] */
	struct object *owner;             /* [atomic] */
	struct object *entity;            /* [const] the scheduling policy's */
	struct vm_space *space;           /* [self] active user space, with a framework reference */
	struct vm_cursor *cursor;         /* [self] the open cursor, for containment */
	struct user_context *user;        /* [self] the context whose FPU state is loaded, null: none */
	u64 user_ns, kernel_ns, stamp_ns; /* [self] */
	char name[32];                    /* [const] */
	struct task *queue_next;          /* list it is on: a wait bucket or the fallback run queue; guarded by that list's lock */
	/* task/ adds what wait queues, joining and statistics need */
	struct wait_queue ended;
};
