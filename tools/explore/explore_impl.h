// SPDX-License-Identifier: MPL-2.0
/**
 * The explorer's insides: the state that is searched, and the engine around it.
 *
 * Everything that belongs to a state lies in the program's .data and .bss (`state` here, the globals of the code under test) and on the
 * threads' stacks; a state is kept as its difference to the first one. What the engine itself needs lies in memory of its own (`engine`).
 */
#pragma once

#include "explore.h"

enum : u32 {
	STORES = 4,                 /* of a store buffer */
	CELLS = 128, LOCATIONS = 64,
	EVENTS = 1 + 3 * EXPLORE_THREADS,   /* of a cell: the last plain write; each thread's last plain read, atomic read, atomic write */
	KNOW_WORDS = CELLS * EVENTS / 64,
	FREED = 8,
	STACK_BYTES = 64 * 1024,
};

enum mode : u32 { MODE_SC, MODE_TSO, MODE_RACE, MODES };
enum order : int { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };

/** A set of events that is known to have happened before: finite, where vector clocks would grow without end. */
struct know { u64 bits[KNOW_WORDS]; };

struct store { u64 addr, value; u32 size; };

struct thread_state {
	u64 sp;
	bool done;
	const u32 *await_word;      /* runs only when *await_word != await_value; null: always */
	u32 await_value;
	u32 nchoices, choice;       /* 0: no choice is asked for */
	u32 nstores;
	struct store stores[STORES];
};

struct state {
	struct thread_state threads[EXPLORE_THREADS];
	/* Each thread's: all it knows; what it released by its last release fence; what its relaxed loads have for its next acquire fence. */
	struct know knows[EXPLORE_THREADS], released[EXPLORE_THREADS], acquired[EXPLORE_THREADS];
	struct know locations[LOCATIONS];        /* what a reader of each atomic word acquires */
	struct know events;                      /* that have happened, and that some thread does not know of */
	struct { u64 start, len; } freed[FREED];
};
extern struct state state;
extern enum mode mode;

/* sched.c, for the accesses: */
bool explore_running(void);                      /* in a thread, as opposed to setup and finish */
void explore_point(const char *op, u64 addr, u64 pc);  /* the engine decides who goes on */
/** [addr, addr + len) is being written: only what was ever written is kept and compared. */
void explore_wrote(u64 addr, size_t len);
void explore_at(void *pc);                       /* where the running thread is: for reports */
/* access.c, for the engine: */
void access_reset(void);
void access_flush(u32 thread);                   /* the oldest store of its buffer reaches memory */
void access_forget(void);                        /* events that every thread knows of: they cannot race any more, and states become equal */
void access_learn_begin(void);                   /* before the first exploration: which addresses are shared is found out */
