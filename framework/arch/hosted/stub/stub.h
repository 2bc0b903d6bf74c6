// SPDX-License-Identifier: MPL-2.0
/**
 * What the hosted kernel and a stub say to each other, in a slot of memory that both have.
 *
 * A stub is a process of the host in which user programs run: everything below STUB_BASE is the program's, page for page as the page
 * tables say; above lie the stub's own text and the slot. What the program raises (a system call, a fault, the kernel's kick) is a
 * signal whose handler hands over: `state` becomes STUB_STOPPED, and the kernel finds the registers in the signal frame, which lies in
 * the slot. When the kernel sets `state` to running again, the handler obeys the commands, loads the bases, and returns.
 *
 * `state` while running is the stub's thread number and the bit that says somebody waits: as a robust futex wants it, so that the
 * host itself tells the waiter where a stub dies (STUB_DIED).
 */
#pragma once

#include <cadre/types.h>

enum : u64 {
	STUB_BASE = 0x7fffff000000,       /* USER_END */
	STUB_TEXT_BYTES = 0x1000,
	STUB_SLOT = STUB_BASE + 0x100000,
	STUB_SLOT_BYTES = 0x8000,
	STUB_TOP = 0x7ffffffff000,        /* the end of what the host lets a process have */
};

enum : int { STUB_MEMORY_FD = 3 };        /* the machine's memory, which slots are at the end of */

enum stub_state : u32 { STUB_STOPPED = 0, STUB_RUNNING = 0x80000000 /* | thread number */, STUB_DIED = 0x40000000 };

/* How far a stub came that does not start, and the host's error of that step. */
enum stub_step : u32 { STUB_BEGUN, STUB_ALONE, STUB_SIGNALS, STUB_UNTIMED, STUB_ORPHAN, STUB_FILTER, STUB_READY };

/** [at, at + len) shows the machine's memory from `offset` on, with the host's protection bits; 0: nothing. */
struct stub_command { u64 at, len, offset; u32 prot, unused; };

enum : u32 { STUB_COMMANDS = 64 };

struct stub_slot {
	u32 state;                        /* [atomic] enum stub_state */
	u32 signal;                       /* the event, and where in the stub's addresses the host has put its description and the registers */
	u64 info, context;
	u64 fs_base, gs_base;             /* the program's */
	u32 ncommands, failed;            /* failed: the host's error of a command that it refused; the rest was left */
	u32 parent, filtered;             /* the kernel's process; filtered: system calls are caught by a filter, else by a tracer */
	u64 untimed;                      /* reading the time-stamp counter is a fault */
	u32 step, error;                  /* enum stub_step */
	struct { u64 next, offset, pending; } robust;
	u64 robust_entry;
	u64 obey;                         /* the stub's function for a tracer */
	struct stub_command commands[STUB_COMMANDS];
	alignas(4096) u8 stack[STUB_SLOT_BYTES - 4096];
};
static_assert(sizeof(struct stub_slot) == STUB_SLOT_BYTES);
