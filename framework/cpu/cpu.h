// SPDX-License-Identifier: MPL-2.0
/**
 * The per-CPU area, and asking other CPUs to run something.
 */
#pragma once

#include <cadre/cpu.h>
#include <arch/arch.h>

struct task;
struct contain_frame;

/** What interrupted code had: handlers may not touch it. They do not nest, so one a CPU is enough. */
struct irq_floor {
	u64 preempt_off, locks, rcu, preempt;    /* preempt: how often it had called preempt_disable */
	bool quiet;                              /* it was idle or in user mode */
};

struct cpu {
	struct cpu *self;            /* [const] the first word, so that one load finds it */
	u64 preempt_off;             /* [self] depth: spin locks, RCU sections, preempt_disable; a task is preemptible at 0. No service lives to see it wrap */
	u32 id;                      /* [const] */
	u32 irq_depth;               /* [self] nesting of interrupt handlers; at most 1 but for NMI */
	u32 raw_depth;               /* [self] raw locks of the framework held: a fault here is the framework's and fatal */
	u32 resched;                 /* [atomic] the scheduler is wanted */
	u32 online;                  /* [atomic] */
	struct task *current;        /* [self] the running task */
	struct task *idle;           /* [const] */
	struct contain_frame *contain_irq; /* [self] where a trap in an interrupt handler goes */
	u64 rcu_seen;                /* [atomic] the last grace period this CPU was quiet in */
	void *local;                 /* [const] services' and framework's per-CPU data (section cpu_local) */
	struct vm_space *space;      /* [self] whose page table is loaded, with a framework reference (lazy: kernel tasks keep it) */
	u64 stack_limit;             /* [self] service functions trap below: enum stack_reserve; 0: no limit */
	struct arch_cpu arch;        /* [self] */
	struct user_context *user;   /* [self] whose FPU state the registers hold; null: nobody's */
	u32 rcu_quiet;               /* [atomic] written by its CPU: it is in no read section and enters none (sync/rcu.h) */
	struct irq_floor floor;      /* [self] in a handler; else all zero, on each CPU that a task may look at */
};

extern struct cpu *cpu_table[CPU_MAX];   /* [const] after boot; null: no such CPU */
extern u32 cpu_online_count;             /* [const] after boot */

/** Allocates a CPU's area and its copy of the cpu_local section. Boot CPU's is static, for use before memory is up. */
struct cpu *cpu_area_create(u32 id);
/** The calling CPU can be called and scheduled on from now on. Once each, in order of the numbers. */
void cpu_online(void);
/**
 * Runs fn(arg) on each CPU of the set (all online) with interrupts off, this one included if it is in it; returns when all have.
 * => any context. While it waits it serves others' calls, so CPUs may call each other at once, whatever their interrupt state.
 * => the caller holds no lock that another CPU may wait for with interrupts off, and none that a function called this way takes.
 * => fn is short, takes at most raw locks that nobody holds across a cpu_call, and does not call cpu_call itself (asserted).
 */
void cpu_call(struct cpu_set set, void (*fn)(void *), void *arg);
/** This CPU's copy of a variable of CPU_LOCAL_DEFINE; stable while preemption or interrupts are off. */
extern u8 __start_cpu_local[] __attribute__((weak));
/* SAFETY: each area's local data is a copy of the section: cpu_area_create. */
#define CPU_LOCAL_HERE(name)                                                                                           \
	((typeof(name##_cpu_local_) *)((u64)arch_cpu_load(local) + ((u64)&name##_cpu_local_ - (u64)__start_cpu_local)))
/** The set of all CPUs online. */
struct cpu_set cpu_online_set(void);
