// SPDX-License-Identifier: MPL-2.0
/*
 * Every way into the kernel and out to user mode.
 *
 * | from | to | GS base on arrival | stack |
 * | --- | --- | --- | --- |
 * | user, vector | exit_to_kernel → return of x86_user_enter | user's: swapgs | TSS rsp0, or the IST stack of #DB |
 * | user, syscall | as above | user's: swapgs | user's, replaced at once |
 * | kernel, vector | x86_trap, then iret | kernel's | the interrupted one |
 * | any, NMI #DF #MC; kernel, #DB | x86_trap_ist, then iret | unknown: saved, set from the top of the IST stack, put back | IST |
 *
 * rsp0 is where x86_user_enter stands: the word there is its struct user_regs, above it are its callee-saved registers. So an event in
 * user mode is the return of the function that entered it. Interrupts are off from entry to the return into C.
 */
#include <asm.h>

#define MSR_GS_BASE 0xc0000101

	.text

/* Vector stubs, 16 bytes each: error code (0 where the processor pushes none), vector. x86_idt_init points the gates here. */
	.globl x86_vector_stubs
	.balign 16
x86_vector_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp entry_ist
	.elseif vector == 1
	jmp entry_debug
	.else
	jmp entry_vector
	.endif
	.set vector, vector + 1
	.endr

/* Offsets from rsp with vector and error code pushed. */
#define FRAME_VECTOR 0
#define FRAME_ERROR  8
#define FRAME_RIP    16
#define FRAME_CS     24
#define FRAME_RFLAGS 32
#define FRAME_RSP    40

/* All general registers below vector and error: struct x86_frame. rdi then points to it. */
.macro push_registers
	cld
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
.endm

.macro pop_registers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
.endm

entry_debug:
	testb $3, FRAME_CS(%rsp)
	jnz exit_to_kernel
	jmp entry_ist

entry_vector:
	testb $3, FRAME_CS(%rsp)
	jnz exit_to_kernel
	push_registers
	xorl %ebp, %ebp
	call x86_trap
	pop_registers
	iretq

/* The word above the processor's frame, at the top of each IST stack, is the CPU's area (x86_cpu_prepare). */
entry_ist:
	push_registers
	movl $MSR_GS_BASE, %ecx
	rdmsr
	movl %eax, %r12d
	movl %edx, %r13d
	movq 22 * 8(%rsp), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	xorl %ebp, %ebp
	call x86_trap_ist
	movl %r12d, %eax
	movl %r13d, %edx
	movl $MSR_GS_BASE, %ecx
	wrmsr
	pop_registers
	iretq

/* Out of user mode by a vector: the frame is on this stack, the registers go to the struct user_regs at rsp0. */
exit_to_kernel:
	swapgs
	cld
	pushq %rax
	movq %gs:CPU_TSS_RSP0, %rax
	movq (%rax), %rax
	movq %rbx, REG_RBX(%rax)
	movq %rcx, REG_RCX(%rax)
	movq %r11, REG_R11(%rax)
	popq REG_RAX(%rax)
	movq FRAME_RIP(%rsp), %rcx
	movq %rcx, REG_RIP(%rax)
	movq FRAME_RFLAGS(%rsp), %rcx
	movq %rcx, REG_RFLAGS(%rax)
	movq FRAME_RSP(%rsp), %rcx
	movq %rcx, REG_RSP(%rax)
	movq FRAME_ERROR(%rsp), %rbx
	shlq $32, %rbx
	orq FRAME_VECTOR(%rsp), %rbx
	movq %gs:CPU_TSS_RSP0, %rsp
exit_registers:
	movq %rdx, REG_RDX(%rax)
	movq %rsi, REG_RSI(%rax)
	movq %rdi, REG_RDI(%rax)
	movq %rbp, REG_RBP(%rax)
	movq %r8, REG_R8(%rax)
	movq %r9, REG_R9(%rax)
	movq %r10, REG_R10(%rax)
	movq %r12, REG_R12(%rax)
	movq %r13, REG_R13(%rax)
	movq %r14, REG_R14(%rax)
	movq %r15, REG_R15(%rax)
	movq %rbx, %rax
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* The system call instruction: rip is in rcx, rflags in r11; FMASK has cleared IF, DF, TF, AC, NT. */
	.globl x86_syscall_entry
x86_syscall_entry:
	swapgs
	movq %rsp, %gs:CPU_SYSCALL_RSP
	movq %gs:CPU_TSS_RSP0, %rsp
	pushq %rax
	movq 8(%rsp), %rax
	popq REG_RAX(%rax)
	movq %rbx, REG_RBX(%rax)
	movq %rcx, REG_RCX(%rax)
	movq %rcx, REG_RIP(%rax)
	movq %r11, REG_R11(%rax)
	movq %r11, REG_RFLAGS(%rax)
	movq %gs:CPU_SYSCALL_RSP, %rbx
	movq %rbx, REG_RSP(%rax)
	movl $VECTOR_SYSCALL, %ebx
	jmp exit_registers

/*
 * u64 x86_user_enter(struct user_regs *regs, u64 rip, u64 rflags, bool quick)
 * Enters user mode and returns at the next event: vector, or VECTOR_SYSCALL, and the error code in the upper half. rip and rflags have
 * been checked; the other registers can hold anything. `quick`: rip is in the lower half, and rcx and r11 may hold rip and rflags.
 */
	.globl x86_user_enter
	.type x86_user_enter, @function
x86_user_enter:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	movq %rsp, %gs:CPU_TSS_RSP0       /* 16-byte aligned, as the processor would make it: the return address and 7 words */
	movq %rdi, %rax
	movq REG_RBX(%rax), %rbx
	movq REG_RBP(%rax), %rbp
	movq REG_R8(%rax), %r8
	movq REG_R9(%rax), %r9
	movq REG_R10(%rax), %r10
	movq REG_R12(%rax), %r12
	movq REG_R13(%rax), %r13
	movq REG_R14(%rax), %r14
	movq REG_R15(%rax), %r15
	movq REG_RDI(%rax), %rdi
	testb %cl, %cl
	jz 1f

	movq %rsi, %rcx
	movq %rdx, %r11
	movq REG_RSI(%rax), %rsi
	movq REG_RDX(%rax), %rdx
	movq REG_RSP(%rax), %rsp
	movq REG_RAX(%rax), %rax
	swapgs
	sysretq

1:	pushq $USER_DS
	pushq REG_RSP(%rax)
	pushq %rdx
	pushq $USER_CS
	pushq %rsi
	movq REG_RCX(%rax), %rcx
	movq REG_RDX(%rax), %rdx
	movq REG_RSI(%rax), %rsi
	movq REG_R11(%rax), %r11
	movq REG_RAX(%rax), %rax
	swapgs
	.globl x86_user_iret
x86_user_iret:
	iretq
	.size x86_user_enter, . - x86_user_enter

	.section .note.GNU-stack, "", @progbits
