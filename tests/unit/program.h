// SPDX-License-Identifier: MPL-2.0
/**
 * Tests of services that need somebody who calls: each runs as the one thread of a process of its own, a child of process 1, and may call
 * sys_* and whatever else looks at the running thread. Its memory has one area, where strings and structs for system calls are put.
 *
 * The process ends with the test, so what the test leaves open is closed; what is still there then is a leak.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/user.h>
#include <test.h>

/** The area: private, anonymous, readable and writable. */
enum : u64 { PROGRAM_AREA = 0x10000000, PROGRAM_AREA_LEN = 1 << 20 };

#define PROGRAM_TEST(test_name)                                                                                        \
	static void test_name##_body(void);                                                                            \
	TEST(test_name) { program_run(test_name##_body); }                                                             \
	static void test_name##_body(void)

/** Brings the services up as services/init does, and makes process 1. Once, before the first test of a service. */
void program_start_services(void);
/** Runs `body` as a process; returns once that is gone. */
void program_run(void (*body)(void));
void program_run_until(void (*body)(void), u64 deadline);
/** In a program: a further thread of its process that runs `body`; program_join waits for all of them. */
void program_thread(void (*body)(void));
void program_join(void);
/** In a program: a child process that runs `body`. => its id */
u32 program_fork(void (*body)(void));
/** The same where it may fail, as clone(2) does. */
err_t program_thread_try(void (*body)(void));
err_t program_fork_try(void (*body)(void), u64 *pid);
/** What a task does that is made by clone_with_body (services/process): a thread's whole life. A trap in it is the test's failure. */
void program_thread_life(struct object *thread, void (*body)(void));

/** Text with its NUL in the program's memory, at `PROGRAM_AREA + offset`. */
uaddr_t program_text(u64 offset, const char *text);
/** Bytes to and from it. */
uaddr_t program_put(u64 offset, const void *bytes, size_t len);
void program_get(u64 offset, void *bytes, size_t len);
/** The pseudo-random numbers of a test: the same in every run. */
static inline u32
program_random(u64 *state, u32 below)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (u32)(*state >> 33) % below;
}
static inline uaddr_t program_at(u64 offset) { return UADDR(PROGRAM_AREA + offset); }
