// SPDX-License-Identifier: MPL-2.0
/**
 * What the scheduling policy can be told about a task: its class, weight and CPUs.
 *
 * Source: sched(7), sched_setattr(2).
 * Lock order: a run queue's lock inside, a leaf. Any task context.
 */
#pragma once

#include <cadre/policy.h>

enum sched_class : u32 { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5 };
enum : i32 { NICE_MIN = -20, NICE_MAX = 19 };
enum : u32 { RT_PRIORITY_MAX = 99 };
enum : u64 { SCHED_RR_SLICE = 100 * NS_PER_MS };

struct sched_params {
	enum sched_class class;
	i32 nice;                /* -20 … 19; counts in SCHED_OTHER and SCHED_BATCH */
	u32 priority;            /* 1 … 99 in SCHED_FIFO and SCHED_RR, else 0 */
};

struct sched_entity;
OBJECT_DECLARE(sched_entity);

/** A task's entity with a reference for the caller. => only between the task's creation and its start. */
struct sched_entity *sched_entity_of(struct task *task);
struct sched_params sched_params_get(struct sched_entity *entity);
/** Takes effect at once, whether it runs, waits or sleeps. => traps on values out of range. */
void sched_params_set(struct sched_entity *entity, const struct sched_params *scoped params);
/** Lends it a real-time priority, 0: none; it runs with the higher of that and its own, at once. => whether that changes what it runs with */
bool sched_boost_set(struct sched_entity *entity, u32 priority);
bool sched_is_boosted(struct sched_entity *entity);
/** The real-time priority that it runs with, its own or lent; 0: none. */
u32 sched_rank(struct sched_entity *entity);
/** The CPUs it may run on. `_set` moves it off any other soon. => traps on a set without a CPU that runs. */
struct cpu_set sched_affinity_get(struct sched_entity *entity);
void sched_affinity_set(struct sched_entity *entity, struct cpu_set cpus);
/** What a fair task of this weight runs at a stretch where others wait, in ns. */
u64 sched_slice_ns(void);
/** Tasks that run or are ready to, on all CPUs: for the load average. */
u32 sched_running_count(void);
/** Times that a task was taken off a CPU it could have kept, and gave it up, since it was made. */
struct sched_switches { u64 involuntary, voluntary; };
struct sched_switches sched_switches_get(struct sched_entity *entity);
/** Since the start: time that tasks have used on a CPU, and how often one was picked from its queue. For /proc/stat. */
struct sched_cpu_stat { u64 busy_ns, switches; };
struct sched_cpu_stat sched_cpu_stat(u32 cpu);
/** Whether it runs or could (state R): a hint by the time the caller looks. */
bool sched_is_ready(struct sched_entity *entity);
