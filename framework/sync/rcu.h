// SPDX-License-Identifier: MPL-2.0
/**
 * RCU inside the framework: deferred calls, and how CPUs report that they are in no read section.
 */
#pragma once

#include <cadre/sync.h>
#include <cpu/cpu.h>

struct rcu_head {
	struct rcu_head *next;          /* rcu.c's */
	void (*fn)(struct rcu_head *);
};
/** Calls fn(head) in a task, preemptible, after all read sections of now have ended. Any context. The storage is the caller's until then. */
void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *));

extern u64 rcu_period;                  /* [atomic] the last number taken */

/** This CPU is in no read section: at each pass through the scheduler. Interrupts off. */
static inline void
rcu_quiescent(struct cpu *cpu)
{
	u64 period = __atomic_load_n(&rcu_period, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&cpu->rcu_seen, __ATOMIC_RELAXED) != period)
		__atomic_store_n(&cpu->rcu_seen, period, __ATOMIC_SEQ_CST);
}

/** From here to the end it enters none (idle, user mode), so nobody waits for it. Interrupts off. `_end` => whether it was so. */
static inline void rcu_quiet_begin(struct cpu *cpu) { __atomic_store_n(&cpu->rcu_quiet, 1, __ATOMIC_RELEASE); }
static inline bool
rcu_quiet_end(struct cpu *cpu)
{
	if (__atomic_load_n(&cpu->rcu_quiet, __ATOMIC_RELAXED) == 0)
		return false;
	__atomic_store_n(&cpu->rcu_quiet, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return true;
}

/** Body of the task that makes the deferred calls. */
void rcu_task(struct object *unused);
