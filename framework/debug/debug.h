// SPDX-License-Identifier: MPL-2.0
/**
 * The framework's own assertions, panic, and how a trap of a service is contained.
 *
 * Two kinds of failure, never mixed: `fw_assert` and `panic` say that the framework is wrong, and stop the machine with
 * a report; `misuse` says that a service broke a call's contract (or trapped), and stops that service. A framework
 * function calls `misuse` before it has changed anything and with no raw lock held.
 */
#pragma once

#include <cadre/contain.h>
#include <cadre/log.h>
#include <arch/arch.h>

/**
 * A place that a trap returns to. Lives on the stack of the code that set it; chained per task and, in interrupt
 * handlers, per CPU. A raw lock taken before the frame is its owner's (policies are called with one held) and stays
 * held; one taken inside makes a trap fatal.
 */
struct contain_frame {
	struct arch_recovery place;
	struct contain_frame *outer;
	u64 preempt_off, irq_depth, raw_depth;   /* depths to go back to */
	u32 nlocks, rcu_depth, pins;             /* how many the holder had then */
	u64 stack_limit;                         /* of services, to go back to where not irqs_on: a handler or policy
	                                            runs inside */
	bool irqs_on, cursor_open;               /* a cursor is closed at a trap only if opened inside */
};

/**
 * 0: go on, and call contain_end at the end; 1: something trapped inside, everything it held is released, the frame is
 * gone already.
 */
#define contain_begin(frame)                                                                                           \
	(contain_push(frame), arch_recovery_set(&(frame)->place) == 0 ? 0 : (contain_recovered(frame), 1))
void contain_push(struct contain_frame *frame);
void contain_end(struct contain_frame *frame);
void contain_recovered(struct contain_frame *frame);

/** Stops the calling service: `what` is a literal. Fatal with a raw lock held. */
[[noreturn]] void misuse_at(const char *what, const char *file, u32 line, u64 pc, u64 fp);
#define misuse(what)                                                                                                   \
	misuse_at("" what "", __FILE__, __LINE__, (u64)__builtin_return_address(0), (u64)__builtin_frame_address(0))

/** One trap of a service, or a fault of the framework. */
struct kernel_trap {
	const char *what, *file;  /* "page fault", …; where the check stands that found it, or null */
	u32 line;
	bool from_service_fault;  /* a misuse, a check the compiler made, a division, or a fault on an address that
	                             services can present: guard at 0, heap windows, stack guard */
	u64 pc, fp, sp, address, error;   /* the interrupted ones; pc: in the instruction at fault, or the call */
	const u64 *regs;      /* for the report: see arch */
	u32 nregs;            /* 0: no registers are known */
	const char *const *reg_names;
};
/** Contains the trap or panics. The architecture calls this for what the processor traps in kernel mode. */
[[noreturn]] void trap_in_kernel(const struct kernel_trap *trap);

[[noreturn]] void panic_at(const char *file, u32 line, struct cbytes format, const struct log_arg *args, u32 nargs);
#define panic(format, ...) panic_at(__FILE__, __LINE__, LOG_LINE_(format, __VA_ARGS__))
#define fw_assert(expression) ((expression) ? (void)0 : panic("framework assertion failed: " #expression))

/** Name, offset, file (or null) and line of a kernel text address; false where the image has no symbols for it. */
struct symbol { const char *name; u64 offset; const char *file; u32 line; bool in_framework; };
bool symbol_find(u64 pc, struct symbol *out);
