// SPDX-License-Identifier: MPL-2.0
/* Numbers that assembly and C share: plain macros, since the assembler sees this file too. C checks the offsets (cpu.c). */
#pragma once

/* Selectors, as Linux has them: programs see them in signal frames. There is no 32-bit user segment, so there is no compatibility mode. */
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER_DS   0x2b
#define USER_CS   0x33
#define TSS_SEL   0x40

/* struct cpu. */
#define CPU_TSS_RSP0    (128 + 4)
#define CPU_TSS_IST     (128 + 36)
#define CPU_SYSCALL_RSP (128 + 104)

/* struct user_regs. */
#define REG_RAX 0
#define REG_RBX 8
#define REG_RCX 16
#define REG_RDX 24
#define REG_RSI 32
#define REG_RDI 40
#define REG_RBP 48
#define REG_RSP 56
#define REG_R8  64
#define REG_R9  72
#define REG_R10 80
#define REG_R11 88
#define REG_R12 96
#define REG_R13 104
#define REG_R14 112
#define REG_R15 120
#define REG_RIP 128
#define REG_RFLAGS 136

/* What x86_user_enter returns for a system call, beside the vectors 0 … 255. */
#define VECTOR_SYSCALL 256
