// SPDX-License-Identifier: MPL-2.0
/**
 * Guests: the host's processes that user programs run in, as hardware has them.
 *
 * A guest is what one address-space identifier of one CPU's TLB is: it has the translations of the space that was loaded under that
 * number, and loses them when the framework flushes it. So no guest is bound to a space's life, a CPU has GUEST_ASIDS of them for ever, and
 * each is used by its own CPU only, interrupts off: nothing here is locked.
 */
#pragma once

#include <hosted.h>
#include <cpu/cpu.h>
#include <stub/stub.h>

enum : u32 { GUEST_ASIDS = 8, GUEST_WINDOWS = 256 };
enum : u64 { GUEST_SLOTS = (u64)CPU_MAX * GUEST_ASIDS * STUB_SLOT_BYTES };   /* behind the machine's memory */

/* Registers in the order of the host's signal frames (struct sigcontext). */
enum guest_reg : u32 {
	GUEST_R8, GUEST_R9, GUEST_R10, GUEST_R11, GUEST_R12, GUEST_R13, GUEST_R14, GUEST_R15, GUEST_RDI, GUEST_RSI, GUEST_RBP, GUEST_RBX,
	GUEST_RDX, GUEST_RAX, GUEST_RCX, GUEST_RSP, GUEST_RIP, GUEST_RFLAGS, GUEST_SELECTORS, GUEST_ERROR, GUEST_TRAP, GUEST_MASK, GUEST_CR2,
	GUEST_FPU, GUEST_REGS,
};

enum guest_stop : u32 {
	GUEST_STOPPED,    /* by a signal: `signal`, `regs` */
	GUEST_UNWANTED,   /* it has not run: an interrupt waits */
	GUEST_DIED,       /* and is gone with its registers; another takes its place at the next use */
};

struct guest {
	i32 process;                   /* 0: not started */
	u32 running;                   /* what its slot's `state` is while it runs */
	struct stub_slot *slot;
	u64 *regs;                     /* its registers while it is stopped, indexed by enum guest_reg */
	u32 signal, call_arch;         /* why it stopped; SIGSYS: of which instruction set the call is, and where */
	u64 call_at;
	u32 nmapped;                   /* mappings made since the last flush of everything */
	u32 refused;                   /* how often in a row the host has refused a command */
	u64 windows[GUEST_WINDOWS];    /* stretches of pages that were mapped together: mirror.c */
};

/** How guests are stopped and set going. */
struct guest_backend {
	const char *name;
	bool filtered;                                    /* struct stub_slot.filtered */
	bool (*attach)(struct guest *guest);              /* has started and waits: its first registers can be written */
	enum guest_stop (*run)(struct guest *guest);      /* until it stops */
	u8 *(*fpu)(struct guest *guest);                  /* its FPU state, in the host's frame format, to read and to change; null: damaged */
};
extern const struct guest_backend *guest_backend;         /* [const] once a program runs */
extern const struct guest_backend guest_seccomp, guest_ptrace;
/** Only this one is tried. => false: there is none of that name */
bool guest_backend_choose(const char *name);

/** This CPU's guest for the loaded space, started. */
struct guest *guest_here(void);
/** That of an identifier, started or not. */
struct guest *guest_of(u16 asid);
enum guest_stop guest_run(struct guest *guest);
/** Interrupts the user program that a CPU runs. => false: it runs none. Any thread. */
bool guest_kick(struct cpu *cpu);
/** Ends the guest's process, if it has not ended by itself. */
void guest_end(struct guest *guest);
/** It has ended by itself; guest_end still buries it. */
bool guest_is_dead(const struct guest *guest);
/** Ends everything, saying what of the host is missing. */
[[noreturn]] void guest_impossible(struct cbytes why, u64 error);

/* --- mirror.c: the translations that a guest has --- */
/** The loaded space's entry for `at`, with accessed and dirty set as the processor does; 0: the access is not allowed, *seen is what is there. */
u64 mirror_walk(u64 at, enum user_access access, u64 *seen);
/** The program touched what the guest has no translation of. => false: the space has none that allows it: a page fault. */
bool mirror_miss(struct guest *guest, u64 at, enum user_access access, u64 *seen);
/** Everything, at its next run. */
void mirror_forget(struct guest *guest);

/* --- fpu.c --- */
/** The loaded FPU state is the guest's from here on. */
void fpu_enter(struct guest *guest);
/** The guest is gone; what it had loaded with it. */
void fpu_lost(struct guest *guest);
