// SPDX-License-Identifier: MPL-2.0
/**
 * The interleaving explorer, as a model sees it.
 *
 * A model is a few threads over real code, compiled with -fsanitize=thread and linked with our own __tsan_* functions: each atomic access is
 * a point where another thread may go on. The engine visits every reachable state once (states are hashed), in three memory models:
 *   sc    every interleaving of the accesses;
 *   tso   as an x86 processor: stores wait in a buffer of their thread, and reach memory in order at any later time;
 *   race  as sc, and two accesses of which one is plain must be ordered by acquire and release (C23 5.1.2.5).
 * What is reported: a failed EXPLORE_CHECK, misuse, a data race, access to freed memory, a deadlock, and a state from which the end
 * cannot be reached any more (a lost wake-up, a livelock).
 */
#pragma once

#include <cadre/types.h>

enum : u32 { EXPLORE_THREADS = 4 };

struct model {
	const char *name;
	void (*setup)(void);                       /* before the threads; may be null */
	void (*threads[EXPLORE_THREADS])(void);
	void (*finish)(void);                      /* checks when all threads have ended; may be null */
	bool no_race;                              /* too large for memory model race */
};

#define MODEL(model_name, ...) \
	static const struct model model_name __attribute__((section("models"), used)) = { .name = #model_name, __VA_ARGS__ }

/** Number of the running thread, from 0. Outside of threads: 0. */
u32 explore_self(void);
/** The running thread goes on once *word is no longer `value`: how a model's scheduler puts a task to sleep. */
void explore_await(const u32 *word, u32 value);
/** Any of the values 0 … n - 1: each is tried. */
u32 explore_choose(u32 n);
/** From here on, [p, p + len) must not be touched. / It may be again. */
void explore_free(const void *p, size_t len);
void explore_reuse(const void *p);
/** The property does not hold. */
[[noreturn]] void explore_fail(const char *what, const char *file, u32 line);
#define EXPLORE_CHECK(condition) ((condition) ? (void)0 : explore_fail(#condition, __FILE__, __LINE__))
