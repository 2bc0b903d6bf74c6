// SPDX-License-Identifier: MPL-2.0
/**
 * The rest of the framework as the models see it: CPUs, tasks that sleep and are woken, misuse that is reported.
 */
#pragma once

#include <explore.h>
#include <cpu/cpu.h>

/** n CPUs, all online. */
void env_cpus_init(u32 n);
/** For cpu_call: adds one to the array's element of this CPU. */
void env_mark_cpu(void *arg);

struct task;
/** n CPUs, each running a task of its own: id 1 and on. */
void env_tasks_init(u32 n);
struct task *env_task(u32 i);
/** What cpu_count() says. 0 at first: nobody is seen running, so a mutex is not spun for, which would only count the turns. */
extern u32 env_cpu_count;
/** The clock; a model may move it. A sleep with a deadline that has passed is woken by `env_timer_thread`. */
extern u64 env_clock;
/** Body of a model's thread: once, at any moment, time passes `deadline` and the timeouts set before are run. */
void env_time_passes(u64 deadline);
