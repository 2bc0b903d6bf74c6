// SPDX-License-Identifier: MPL-2.0
/**
 * Unit tests of the framework: the same files run on the host under sanitizers and inside QEMU.
 *
 * A test is a function named as a sentence, in `framework/<module>/test/<noun>_test.c`; it is found by its place in a section.
 * It runs in a task, preemptible, on all CPUs that there are. Tests are framework code: all of C.
 */
#pragma once

#include <cadre/log.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <debug/debug.h>

struct test {
	const char *name;
	const char *file;
	void (*run)(void);
};

#define TEST(test_name)                                                                                                \
	static void test_name(void);                                                                                   \
	static const struct test test_entry_##test_name __attribute__((section("tests"), used)) = { #test_name, __FILE__, test_name }; \
	static void test_name(void)

/** Records a failure of the running test, which goes on. */
void test_fail(const char *file, u32 line, const char *what, u64 left, u64 right);
/** Ends the running test as skipped: `why` it cannot run on this machine. Return after it. */
void test_skip(const char *why);

/** What the running test goes through may fill caches: it leaves up to so many objects of a type behind, and as many frames. */
void test_leaves(u64 objects);
/** For a test that looks itself: how many failures it has, and whether there are more objects than at its beginning, or at the mark. */
u32 test_failures(void);
bool test_usage_grown(void);
void test_usage_mark(void);

#define EXPECT(condition) ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, #condition, 0, 0))
#define EXPECT_EQ(left, right)                                                                                         \
	do {                                                                                                           \
		u64 left_ = (u64)(left), right_ = (u64)(right);                                                        \
		if (left_ != right_)                                                                                   \
			test_fail(__FILE__, __LINE__, #left " == " #right, left_, right_);                             \
	} while (0)
/**
 * Waits until the condition is true, looking at it every now and then; a failure after half a minute. However busy the machine is, a test
 * waits for what it needs, never for a time in which that should have come.
 */
#define AWAIT(condition)                                                                                               \
	do {                                                                                                           \
		u64 patience_ = clock_now() + 30 * NS_PER_SEC;                                                         \
		bool met_ = (condition);                                                                               \
		for (; !met_ && clock_now() < patience_; met_ = (condition))                                           \
			(void)task_sleep_until(clock_now() + 200 * NS_PER_US, false);                                  \
		if (!met_)                                                                                             \
			test_fail(__FILE__, __LINE__, "in vain: " #condition, 0, 0);                                   \
	} while (0)
/** The statement must trap: contained, so the test goes on behind it. */
#define EXPECT_TRAP(...)                                                                                               \
	do {                                                                                                           \
		struct contain_frame trap_frame_;                                                                      \
		if (contain_begin(&trap_frame_) == 0) {                                                                \
			__VA_ARGS__;                                                                                   \
			contain_end(&trap_frame_);                                                                     \
			test_fail(__FILE__, __LINE__, "did not trap: " #__VA_ARGS__, 0, 0);                            \
		}                                                                                                      \
	} while (0)
