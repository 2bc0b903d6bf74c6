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

/** This CPU is in no read section: at each pass through the scheduler. Interrupts off. */
void rcu_quiescent(struct cpu *cpu);
/** From here to the end it enters none (idle, user mode), so nobody waits for it. Interrupts off. `_end` => whether it was so. */
void rcu_quiet_begin(struct cpu *cpu);
bool rcu_quiet_end(struct cpu *cpu);
/** Body of the task that makes the deferred calls. */
void rcu_task(struct object *unused);
