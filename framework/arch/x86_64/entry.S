// SPDX-License-Identifier: MPL-2.0
/*
 * Every way into the kernel and out to user mode.
 *
 * | from | to | GS base on arrival | stack |
 * | --- | --- | --- | --- |
 * | user, vector | exit_to_kernel → return of x86_user_enter | user's: swapgs | TSS rsp0, or the IST stack of #DB |
 * | user, syscall | as above | user's: swapgs | user's, replaced at once |
 * | kernel, vector | x86_trap, then iret | kernel's | the interrupted one |
 * | any, NMI #DF #MC; kernel, #DB | x86_trap, then iret | unknown: saved, set from the IST stack, put back | IST |
 *
 * rsp0 is where x86_user_enter stands: the word there is its struct user_regs, above it are its callee-saved
 * registers. So an event in user mode is the return of the function that entered it. Interrupts are off from entry
 * to the return into C.
 */
#include <asm.h>

#define MSR_GS_BASE 0xc0000101

	.text

/* Vector stubs, 16 bytes each: error code (0 where the processor pushes none), vector. x86_idt_init points the
 * gates here. */
	.globl x86_vector_stubs
	.balign 16
x86_vector_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if (0x60227d00 >> vector & 1) == 0 || vector > 31   /* not 8, 10 … 14, 17, 21, 29, 30 */
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp entry_ist
	.else
	jmp entry_vector
	.endif
	.set vector, vector + 1
	.endr

/* Offsets from rsp with vector and error code pushed; and in struct user_regs, in its order (checked in cpu.c). */
	offsets FRAME_, vector, error, rip, cs, rflags, rsp
	offsets REG_, rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags

/* All general registers below vector and error: struct x86_frame. rdi then points to it. */
.macro push_registers
	cld
	each pushq, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	movq %rsp, %rdi
.endm
.macro pop_registers
	each popq, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
	addq $16, %rsp
.endm

entry_vector:
	testb $3, FRAME_cs(%rsp)
	jnz exit_to_kernel
	cmpl $1, FRAME_vector(%rsp)
	je entry_ist                      /* #DB has an IST stack */
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
	call x86_trap
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
	store_all rax, REG_, rbx, rcx, r11
	popq REG_rax(%rax)
	.irp reg, rip, rflags, rsp
	movq FRAME_\reg(%rsp), %rcx
	movq %rcx, REG_\reg(%rax)
	.endr
	movq FRAME_error(%rsp), %rbx
	shlq $32, %rbx
	orq FRAME_vector(%rsp), %rbx
	movq %gs:CPU_TSS_RSP0, %rsp
exit_registers:
	store_all rax, REG_, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15
	movq %rbx, %rax
	addq $8, %rsp
	each popq, r15, r14, r13, r12, rbx, rbp
	ret

/* The system call instruction: rip is in rcx, rflags in r11; FMASK has cleared IF, DF, TF, AC, NT. */
FUNCTION(x86_syscall_entry)
	swapgs
	movq %rsp, %gs:CPU_SYSCALL_RSP
	movq %gs:CPU_TSS_RSP0, %rsp
	pushq %rax
	movq 8(%rsp), %rax
	popq REG_rax(%rax)
	store_all rax, REG_, rbx, rcx, r11
	movq %rcx, REG_rip(%rax)
	movq %r11, REG_rflags(%rax)
	movq %gs:CPU_SYSCALL_RSP, %rbx
	movq %rbx, REG_rsp(%rax)
	movl $VECTOR_SYSCALL, %ebx
	jmp exit_registers

/*
 * u64 x86_user_enter(struct user_regs *regs, u64 rip, u64 rflags, bool quick)
 * Enters user mode and returns at the next event: vector, or VECTOR_SYSCALL, and the error code in the upper half.
 * rip and rflags have been checked; the other registers can hold anything. `quick`: rip is in the lower half, and
 * rcx and r11 may hold rip and rflags.
 */
FUNCTION(x86_user_enter)
	each pushq, rbp, rbx, r12, r13, r14, r15, rdi
	movq %rsp, %gs:CPU_TSS_RSP0 /* 16-byte aligned, as the processor wants it: the return address, 7 words */
	movq %rdi, %rax
	load_all rax, REG_, rbx, rbp, r8, r9, r10, r12, r13, r14, r15, rdi
	testb %cl, %cl
	jz 1f

	movq %rsi, %rcx
	movq %rdx, %r11
	load_all rax, REG_, rsi, rdx, rsp, rax
	swapgs
	sysretq

1:	pushq $USER_DS
	pushq REG_rsp(%rax)
	pushq %rdx
	pushq $USER_CS
	pushq %rsi
	load_all rax, REG_, rcx, rdx, rsi, r11, rax
	swapgs
	iretq
