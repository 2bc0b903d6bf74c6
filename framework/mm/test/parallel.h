// SPDX-License-Identifier: MPL-2.0
// Runs a function in as many tasks as there are CPUs, at the same time.
#pragma once

#include <cadre/cpu.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <cadre/vm_space.h>
#include <test.h>

enum : u32 { PARALLEL_MAX = 8 };

/** Calls fn(number of the task, as a pointer) in each; returns when all have ended. */
static inline u32
parallel_run(task_fn *fn)
{
	struct task *tasks[PARALLEL_MAX] = {};
	u32 n = MIN(MAX(cpu_count(), 2u), (u32)PARALLEL_MAX);
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(task_create(fn, (struct object *)(u64)i, TEXT("parallel"), &tasks[i]), OK);
		EXPECT_EQ(task_start(tasks[i]), OK);
	}
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(task_join(tasks[i], TIME_NEVER), OK);
		EXPECT_EQ(task_ended(tasks[i]), TASK_RETURNED);
		task_put(tasks[i]);
	}
	return n;
}

/* --- an idle CPU keeps the space of its last task loaded, and so alive --- */

static struct {
	struct vm_space *space;   /* [self] loaded everywhere in turn */
	u32 here;                 /* [atomic] CPUs that are held by a sweeper */
	u64 end;                  /* [self] */
} sweep;

/** One on each CPU at a time. */
static inline void
sweep_cpu(struct object *unused)
{
	(void)unused;
	preempt_disable();
	__atomic_fetch_add(&sweep.here, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&sweep.here, __ATOMIC_SEQ_CST) < cpu_count() && clock_now() < sweep.end)
		arch_pause();
	vm_space_activate(sweep.space);
	vm_space_activate(nullptr);
	preempt_enable();
}

/** Every CPU leaves what space it has loaded. */
static inline void
spaces_unload(void)
{
	struct task *tasks[PARALLEL_MAX] = {};
	u32 n = MIN(cpu_count(), (u32)PARALLEL_MAX);
	EXPECT_EQ(vm_space_create(&sweep.space), OK);
	sweep.here = 0;
	sweep.end = clock_now() + 60 * NS_PER_SEC;
	for (u32 i = 0; i < n; i++)
		EXPECT(task_create(sweep_cpu, nullptr, TEXT("sweep"), &tasks[i]) == OK && task_start(tasks[i]) == OK);
	for (u32 i = 0; i < n; i++) {
		EXPECT_EQ(task_join(tasks[i], TIME_NEVER), OK);
		task_put(tasks[i]);
	}
	vm_space_put(sweep.space);
}

/** A cheap pseudo-random sequence. */
static inline u32
test_random(u64 *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (u32)(*state >> 33);
}
