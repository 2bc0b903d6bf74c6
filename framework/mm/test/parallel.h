// SPDX-License-Identifier: MPL-2.0
// Runs a function in as many tasks as there are CPUs, at the same time.
#pragma once

#include <cadre/cpu.h>
#include <cadre/task.h>
#include <cadre/time.h>
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

/** A cheap pseudo-random sequence. */
static inline u32
test_random(u64 *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (u32)(*state >> 33);
}
