// SPDX-License-Identifier: MPL-2.0
/**
 * What entry.S hands to C.
 */
#pragma once

#include <cadre/types.h>

/** An interrupted context, as entry.S pushes it; at the end what the processor pushed. */
struct x86_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

enum : u32 {
	EXCEPTION_DIVIDE = 0, EXCEPTION_DEBUG = 1, EXCEPTION_NMI = 2, EXCEPTION_OPCODE = 6, EXCEPTION_DOUBLE = 8,
	EXCEPTION_PROTECTION = 13, EXCEPTION_PAGE = 14, EXCEPTION_COUNT = 32,
	PAGE_PRESENT = 1, PAGE_WRITE = 2, PAGE_FETCH = 16,   /* a page fault's error code */
};

/** A vector in kernel mode, on the interrupted stack or an IST stack. */
void x86_trap(struct x86_frame *frame);
/**
 * A vector of 32 and above from either mode. `preemptible`: the interrupted code is, as far as the interrupt flag
 * says.
 */
void x86_interrupt(u32 vector, bool preemptible);
/** Text for a compiler's check that failed: the kind number that `ud1` carries. */
const char *x86_check_name(u32 kind);
