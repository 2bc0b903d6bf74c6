// SPDX-License-Identifier: MPL-2.0
// Child tasks for tests: start, join, check how they ended.
#pragma once

#include <cadre/time.h>
#include <task/task_impl.h>
#include <test.h>

static inline struct task *
start(task_fn *fn, struct object *arg)
{
	struct task *task = nullptr;
	EXPECT_EQ(task_create(fn, arg, TEXT("child"), &task), OK);
	EXPECT_EQ(task_start(task), OK);
	return task;
}

/** Returns when the child is on no CPU any more: one that has said that it ended may be preempted still, and be handed to a policy once more. */
static inline void
finish(struct task *task, enum task_end end)
{
	EXPECT_EQ(task_join(task, clock_now() + 60 * NS_PER_SEC), OK);
	EXPECT_EQ(task_ended(task), end);
	AWAIT(__atomic_load_n(&task->state, __ATOMIC_SEQ_CST) == TASK_DEAD);
	task_put(task);
}

/** Runs `n` children with this body to their ends. */
static inline void
run_all(task_fn *fn, u32 n)
{
	struct task *tasks[32];
	for (u32 i = 0; i < n; i++)
		tasks[i] = start(fn, nullptr);
	for (u32 i = 0; i < n; i++)
		finish(tasks[i], TASK_RETURNED);
}

/** Whether the task sleeps, in the queue that its function waits in. */
static inline bool
parked(const struct task *task)
{
	return __atomic_load_n(&task->state, __ATOMIC_SEQ_CST) == TASK_BLOCKED;
}

/** For a little while: to give others a chance to do what they must not. Never to wait for what they must do: that is AWAIT. */
static inline void
nap(u64 ns)
{
	(void)task_sleep_until(clock_now() + ns, false);
}
