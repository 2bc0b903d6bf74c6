// SPDX-License-Identifier: MPL-2.0
/* Numbers that assembly and C share: plain macros, since the assembler sees this file too. C checks the offsets
 * (cpu.c). */
#pragma once

/* Selectors, as Linux has them: programs see them in signal frames. There is no 32-bit user segment, so there is
 * no compatibility mode. */
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER_DS   0x2b
#define USER_CS   0x33
#define TSS_SEL   0x40

/* struct cpu. */
#define CPU_STACK_LIMIT 88
#define CPU_TSS_RSP0    (128 + 4)
#define CPU_SYSCALL_RSP (128 + 104)

/* What x86_user_enter returns for a system call, beside the vectors 0 … 255. */
#define VECTOR_SYSCALL 256

#ifdef __ASSEMBLER__
#define FUNCTION(name) .globl name; .type name, @function; name:

/* prefix + name = 0, 8, 16 …: offsets of words that follow each other. */
.macro offsets prefix, names:vararg
	.set at, 0
	.irp name, \names
	.set \prefix\name, at
	.set at, at + 8
	.endr
.endm
.macro each op, regs:vararg
	.irp reg, \regs
	\op %\reg
	.endr
.endm
/* Registers to words at an address, and back: `prefix` is that of their offsets. */
.macro store_all base, prefix, regs:vararg
	.irp reg, \regs
	movq %\reg, \prefix\reg(%\base)
	.endr
.endm
.macro load_all base, prefix, regs:vararg
	.irp reg, \regs
	movq \prefix\reg(%\base), %\reg
	.endr
.endm
#endif
