// SPDX-License-Identifier: MPL-2.0
/**
 * Tasks: kernel threads. A task runs a function on a guarded stack of its own until that returns, exits or traps.
 *
 * What a task *means* (a process' thread, a worker) is the services' affair: each task carries two references to
 * service objects, its owner's and the scheduling policy's. When and where it runs is the policy's (<cadre/policy.h>).
 * Tasks are preempted wherever preemption is not off (spin lock, RCU section, interrupt handler).
 *
 * Life: created, started, running/ready/asleep in turn, ended. The handle stays valid (and says "ended") until the last
 * reference goes; its stack is freed once no CPU stands on it.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

struct task;
struct cpu_set { u64 bits; };

/** How a task ended. */
enum task_end : u8 { TASK_ALIVE, TASK_RETURNED, TASK_TRAPPED };

/** The body of a task; `arg` is what was given at creation. */
typedef void task_fn(struct object *arg);

/**
 * Creates a task, not yet started; one reference belongs to the caller.
 * => `name` is cut at 31 bytes. `arg` (may be null) is not counted: pass a reference on to the body.
 * => ENOMEM; or the error of the scheduling policy's `task_init`.
 */
err_t task_create(task_fn *fn, struct object *arg, struct cbytes name, struct task **scoped out);
/** Hands it to the scheduler. => EINVAL where it was started before. */
err_t task_start(struct task *task);
void task_get(struct task *task);
void task_put(struct task *task); /* => traps where no service reference is left */

/** The running task. => traps in an interrupt handler, where there is none. */
struct task *task_current(void);
u32 task_id(struct task *task);               /**< unique while the handle is alive; never 0 */
enum task_end task_ended(struct task *task);
/** Waits until the task has ended. => EINTR, ETIMEDOUT; EDEADLK on itself. */
err_t task_join(struct task *task, u64 deadline_ns);
/** Ends the running task. => traps with a lock held, in an RCU section, with a cursor open, in a call that is contained by
 * itself (contain_call, a release function that the framework runs), in an interrupt handler. */
NORETURN void task_exit(void);

/** The owner's object, e.g. a process' thread. Set once by the owner before the start; null until then. Not counted. */
err_t task_set_owner(struct task *task, struct object *owner);
struct object *task_owner(struct task *task);

/** Gives up the CPU to whatever the policy prefers. => traps where preemption is off. */
void task_yield(void);
/** Sleeps at least until clock_now() is `deadline_ns`. => EINTR after task_interrupt where interruptible. */
err_t task_sleep_until(u64 deadline_ns, bool interruptible);
/** Makes the task's interruptible waits, the present and the next, end with EINTR, until it clears the mark. Kicks it out of user mode. */
void task_interrupt(struct task *task);
void task_clear_interrupt(void);
bool task_interrupted(void);

/** CPU time it has used: in user mode and in the kernel, in ns. */
struct task_times { u64 user_ns; u64 kernel_ns; };
struct task_times task_times(struct task *task);
/** CPU it runs or last ran on. Only a hint by the time the caller looks. */
u32 task_cpu(struct task *task);

/** Preemption is off between these, which nest: for per-CPU data. => `_enable` traps where it is not off. */
void preempt_disable(void);
void preempt_enable(void);
