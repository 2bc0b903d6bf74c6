// SPDX-License-Identifier: MPL-2.0
/**
 * The framework's view of tasks and of the scheduler.
 *
 * | state | on a CPU | means | goes to |
 * | --- | --- | --- | --- |
 * | NEW | no | created, not started | READY by task_start |
 * | READY | no | the policy has it, or is being told | RUNNING by whoever picks it (compare-and-swap: one CPU only) |
 * | RUNNING | yes | a CPU's current task | READY (yields, preempted), BLOCKED, DEAD, by itself |
 * | BLOCKED | no | sleeps | READY by one waker (compare-and-swap), who tells the policy |
 * | READY, BLOCKED | yes | is about to leave its stack | the same without, by its CPU's idle task, which tells the policy of a READY one; BLOCKED to READY by a waker or itself |
 * | DEAD | yes, no | has ended | — |
 *
 * State and "on a CPU" are one word. A CPU leaves a task's stack for its idle task's, and only there clears the bit and looks for the next
 * task: so a task that can be picked, woken or freed is on no CPU's stack, and no CPU ever waits for another to leave one.
 */
#pragma once

#include <cadre/list.h>
#include <cadre/policy.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <cadre/vm_space.h>
#include <cpu/cpu.h>
#include <debug/debug.h>
#include <mm/mm.h>
#include <sync/raw_lock.h>
#include <sync/rcu.h>
#include <time/event.h>

/** Locks that a task may hold, and how many more a handler that interrupts it, and a policy that serves either. */
enum : u32 { TASK_LOCKS_MAX = 16, IRQ_LOCKS_MAX = 8, POLICY_LOCKS_MAX = 4, LOCKS_MAX = TASK_LOCKS_MAX + IRQ_LOCKS_MAX + POLICY_LOCKS_MAX };

enum task_state : u32 { TASK_NEW, TASK_READY, TASK_RUNNING, TASK_BLOCKED, TASK_DEAD, TASK_ON_CPU = 0x100 };

/**
 * What of a stack is left to the framework when a service function is entered (checked at each entry: arch/x86_64/stack_limit.S). A handler
 * or a policy runs on whatever stack was in use. For a policy: a service's largest frame (2 KiB), and the framework's deepest call from there
 * with the report of a trap (3 KiB). For a handler: the same, or a call that ends in a policy. For a task: a frame, the deepest call
 * (3 KiB), and an interrupt in it, whose handler finds what it needs.
 */
enum stack_reserve : u64 { STACK_RESERVE_TASK = 25 << 9, STACK_RESERVE_HANDLER = 15 << 9, STACK_RESERVE_POLICY = 11 << 9 };

struct held_lock {
	void *lock;
	enum lock_kind : u8 { LOCK_SPIN, LOCK_IRQ_SPIN, LOCK_MUTEX, LOCK_RW_READ, LOCK_RW_WRITE } kind;
};

struct task {
	u64 unused;                       /* the heap may write here while the object is free; `state` is looked at even then */
	u32 id;                           /* [const] */
	u32 state;                        /* [atomic] enum task_state, | TASK_ON_CPU */
	u32 last_cpu;                     /* [atomic] written by the CPU that runs it */
	u32 end;                          /* [atomic] enum task_end */
	u32 interrupted;                  /* [atomic] */
	enum sched_reason reason;         /* [self] why it will be READY when it has left its CPU */
	bool in_user;                     /* [self] */
	u32 rcu_depth;                    /* [self] */
	u32 nlocks;                       /* [self] */
	u32 nspin, nirq;                  /* [self] how many of them are spin locks of either kind; irq_spin locks */
	u32 pins;                         /* [self] preemption held off by the framework itself */
	u64 irq_flags;                    /* [self] interrupt state before the first irq_spin lock */
	struct held_lock locks[LOCKS_MAX]; /* [self] in order of taking */
	struct contain_frame *contain;    /* [self] innermost place to come back to */
	struct arch_context context;      /* [self] while on a CPU; else of who switches */
	u64 stack_top;                    /* [const] 0: the boot stack */
	task_fn *fn;                      /* [const] */
	struct object *arg;               /* [const] */
	struct object *owner;             /* [atomic] */
	const struct heap_type *owner_type; /* [const] once started: whose object lies at `owner`, live or not; null: none */
	struct object *entity;            /* [const] the scheduling policy's */
	const struct sched_policy *policy; /* [const] whose entity it is */
	struct vm_space *space;           /* [self] active user space, with a framework reference */
	struct vm_cursor_state *cursor;   /* [self] the open cursor, null: none. Its state lies in mm/ (per CPU: preemption is off while it is open), never on a service's stack */
	struct user_context *user;        /* [self] the context that it has claimed and runs, null: none; with a framework reference */
	u64 user_ticks, kernel_ticks, stamp; /* [self], read by others as atomics; of arch_ticks */
	u64 reported;                     /* [self] of these, told to the policy */
	char name[32];                    /* [const] */
	struct rcu_head reap;             /* of a dead task */
	LIST_LINK(struct task) all_link;  /* list of all tasks: its lock (registry.c) */
	const void *park_key;             /* [self] */
	LIST_LINK(struct task) park_link; /* these four: the lock of the key's bucket (sync/park.c) */
	u64 park_order;
	bool park_queued, park_heir;
	u32 park_woken;                   /* [atomic] */
	struct timer_event timeout;       /* [self] of a sleep with a deadline */
	struct wait_queue ended;
};

extern const struct heap_type task_handle_type;

/** Makes the running code its CPU's idle task. Once objects can be allocated. */
void task_init(void);
/** Starts the framework's own task: RCU's, which also frees what dead tasks leave. */
void task_system_start(void);
/** What each CPU does from now on: runs tasks. Called on its boot stack with interrupts off. */
[[noreturn]] void task_run_idle(void);

/** The running task; the idle task in interrupts of an idle CPU. */
static inline struct task *task_self(void) { return arch_cpu_load(current); }

/** Traps where the running code must not sleep. */
void task_check_may_sleep(void);
/** As preempt_disable and preempt_enable, but no service can undo it: for the framework's own sections. */
void preempt_pin(void);
void preempt_unpin(void);
/** Runs the scheduler if it is wanted and the running code may be preempted: after whatever may have made that so. */
void preempt_check(void);
/** BLOCKED to READY, once. Any context, no raw lock held. => false: it was not asleep. `task` may be dead or reused: it is a task for ever. */
bool task_wake(struct task *task);

/* The last steps to sleep, interrupts off: begin, look whether to sleep at all, then one of the other two. */
void sched_block_begin(struct task *self);
void sched_block_cancel(struct task *self);
void sched_leave(struct task *self);
/** Whether the task with this id is on a CPU now. A hint: CPUs change tasks while this looks. */
bool sched_runs(u32 id);
/** A task has become READY and is on no CPU: tells the policy, and the CPU. */
void sched_ready(struct task *task, enum sched_reason reason);
/** What a CPU does for ever, as its idle task. */
[[noreturn]] void sched_loop(void);
/** The task has ended and is on no stack: from the loop, interrupts off. */
void task_reap(struct task *task);
/** Books the running task's time up to now. */
void sched_account(struct task *self);
/** The running task has had its time: at its tick. Interrupt context. */
void sched_tick(void);
/** End of an interrupt: what other CPUs asked of this one. Interrupts off. `preemptible`: the interrupted code may be. */
void sched_interrupt_exit(struct cpu *cpu, bool preemptible);

/** Books the time since the last booking to one of the task's totals. */
static inline void
task_book(struct task *task, u64 *total)
{
	u64 now = arch_ticks();
	__atomic_store_n(total, *total + (now - task->stamp), __ATOMIC_RELAXED);
	task->stamp = now;
}
/** user.c calls these around user mode, interrupts off: CPU time, and RCU need not wait for this CPU. */
static inline void
task_user_enter(struct cpu *cpu, struct task *self)
{
	task_book(self, &self->kernel_ticks);
	self->in_user = true;
	rcu_quiescent(cpu);
	rcu_quiet_begin(cpu);
}
static inline void
task_user_leave(struct cpu *cpu, struct task *self)
{
	(void)rcu_quiet_end(cpu);
	task_book(self, &self->user_ticks);
	self->in_user = false;
}

/* registry.c: all tasks */
void registry_add(struct task *task);       /* gives it its id */
void registry_remove(struct task *task);
/** A READY task on no CPU, the longest unpicked first; null: none. */
struct task *registry_ready(void);

/* hooks.c: the policy, contained and checked */
extern const struct sched_policy *sched_policy_active;   /* [atomic] */
err_t hook_task_init(struct task *task);
void hook_task_fini(struct task *task);
u32 hook_select_cpu(struct task *task, enum sched_reason reason);
bool hook_enqueue(struct task *task, u32 cpu, enum sched_reason reason);
/** The next task, RUNNING on this CPU now. Null: none; *retry_ns is when to ask again even so: the answers were no good. */
struct task *hook_pick(u32 cpu, u64 *retry_ns);
bool hook_tick(struct task *task, u32 cpu, u64 ran_ns);
u64 hook_next_tick(struct task *task, u32 cpu, u64 now_ns);
u64 sched_policy_faults(void);              /* answers refused */

/** Traps, inside the frame, where what was called left a lock, a read section or preemption off behind. */
void contain_expect_balance(const struct contain_frame *frame);
/** Runs the statement, a call of a service, contained; it must leave nothing behind. False: it trapped. */
#define CONTAINED(...)                                                                                                 \
	({                                                                                                             \
		struct contain_frame contained_frame_ __attribute__((uninitialized)); /* contain_push fills it */      \
		bool contained_ran_ = contain_begin(&contained_frame_) == 0;                                           \
		if (contained_ran_) {                                                                                  \
			__VA_ARGS__;                                                                                   \
			contain_expect_balance(&contained_frame_);                                                     \
			contain_end(&contained_frame_);                                                                \
		}                                                                                                      \
		contained_ran_;                                                                                        \
	})

/** Services' code traps from here on with less than `reserve` left on the stack that `sp` is on. Interrupts are off. */
static inline void
stack_limit_set(struct cpu *cpu, u64 sp, enum stack_reserve reserve)
{
	u64 low = stack_low(sp);
	cpu->stack_limit = low != 0 ? low + reserve : 0;
}
