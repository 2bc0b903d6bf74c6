// SPDX-License-Identifier: MPL-2.0
/**
 * User mode: registers of a user thread, and running it until it needs the kernel.
 *
 * `user_run` enters user mode with the context's registers and the running task's address space, and returns with the
 * reason it came back. Whatever stands in the registers is made harmless at *every* entry: selectors are the framework's,
 * of RFLAGS only the user's bits count, addresses that are not canonical become a general protection event, not a fault in the kernel.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

/** General registers of x86-64, and where the thread stands. Any value may be written; see above. */
struct user_regs {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rip, rflags, fs_base, gs_base;
};

/** A user thread's state. Heap object of the framework. */
struct OPAQUE user_context {
	struct user_regs regs;
	bool report_switches;  /**< a service's to set: user_run comes back before user mode each time that the task has lost its CPU, or has none yet */
	PRIVATE struct fpu_state *fpu;
	PRIVATE u64 state[6];
};

enum user_event_kind : u8 {
	USER_SYSCALL,     /**< the number is in rax, the arguments in rdi rsi rdx r10 r8 r9; rip is behind the instruction */
	USER_PAGE_FAULT,  /**< at `address`, `access` says what it wanted */
	USER_EXCEPTION,   /**< processor exception `vector` with `error` (Intel SDM 3A, 6.15) */
	USER_INTERRUPTED, /**< nothing of its own: task_interrupt came, or report_switches is set and a switch was */
};

struct user_event {
	enum user_event_kind kind;
	u8 vector;
	bool present;          /**< page fault: the page is mapped, the access not allowed */
	enum user_access : u8 { USER_ACCESS_READ, USER_ACCESS_WRITE, USER_ACCESS_EXEC } access;
	u32 error;
	u64 address;
};

err_t user_context_create(struct user_context **scoped out);      /* => ENOMEM */
/** All of `from`, FPU state included, into `to`. => traps where either is another task's (user_run), or both are the same. */
void user_context_copy(struct user_context *to, struct user_context *from);
void user_context_get(struct user_context *context);
void user_context_put(struct user_context *context);

/**
 * Runs the context until it comes back; preemption and the scheduler's wishes are served inside.
 * => traps without an active address space, with preemption off, in interrupt context, or where the context is another task's: that of the
 * task that ran it, until that runs another or ends.
 */
struct user_event user_run(struct user_context *context);

/** The FPU state as the XSAVE image that Linux puts into signal frames (Intel SDM 1, 13.4), standard format. */
[[gnu::const]] u32 user_fpu_size(void);
/** => *image is longer than user_fpu_size(): rest untouched; shorter: EINVAL. Traps where the context is another task's. */
err_t user_fpu_save(struct user_context *context, struct bytes image);
/** Takes an image from anywhere: reserved bits, unknown components and the compacted form are refused with EINVAL before anything changes. */
err_t user_fpu_restore(struct user_context *context, struct cbytes image);
void user_fpu_reset(struct user_context *context);
