// SPDX-License-Identifier: MPL-2.0
/* Switching between kernel threads, and coming back to a place on the stack. The layouts: arch_inline.h. */

	.text

/* void arch_context_switch(struct arch_context *from, struct arch_context *to) */
	.globl arch_context_switch
	.type arch_context_switch, @function
arch_context_switch:
	.irp reg, rbp, rbx, r12, r13, r14, r15
	pushq %\reg
	.endr
	movq %rsp, (%rdi)
	movq (%rsi), %rsp
	.irp reg, r15, r14, r13, r12, rbx, rbp
	popq %\reg
	.endr
	ret
	.size arch_context_switch, . - arch_context_switch

/* The first return of a new thread ends here, as arch_context_init laid it out: the entry function in rbx, no caller, stack aligned. */
	.globl x86_context_start
	.type x86_context_start, @function
x86_context_start:
	xorl %ebp, %ebp
	callq *%rbx
	ud2
	.size x86_context_start, . - x86_context_start

/* int arch_recovery_set(struct arch_recovery *place) */
	.globl arch_recovery_set
	.type arch_recovery_set, @function
arch_recovery_set:
	movq (%rsp), %rdx
	leaq 8(%rsp), %rcx
	movq %rbx, 0(%rdi)
	movq %rbp, 8(%rdi)
	movq %r12, 16(%rdi)
	movq %r13, 24(%rdi)
	movq %r14, 32(%rdi)
	movq %r15, 40(%rdi)
	movq %rcx, 48(%rdi)
	movq %rdx, 56(%rdi)
	xorl %eax, %eax
	ret
	.size arch_recovery_set, . - arch_recovery_set

/* void arch_recovery_jump(struct arch_recovery *place): interrupts stay as they are. Leaves an IST stack too: the processor starts that at its top anew. */
	.globl arch_recovery_jump
	.type arch_recovery_jump, @function
arch_recovery_jump:
	movq 0(%rdi), %rbx
	movq 8(%rdi), %rbp
	movq 16(%rdi), %r12
	movq 24(%rdi), %r13
	movq 32(%rdi), %r14
	movq 40(%rdi), %r15
	movq 48(%rdi), %rsp
	movl $1, %eax
	jmpq *56(%rdi)
	.size arch_recovery_jump, . - arch_recovery_jump

	.section .note.GNU-stack, "", @progbits
