// SPDX-License-Identifier: MPL-2.0
/* Switching between kernel threads, and coming back to a place on the stack. The layouts: arch_inline.h. */
#include <asm.h>

	.text

/* void arch_context_switch(struct arch_context *from, struct arch_context *to) */
FUNCTION(arch_context_switch)
	each pushq, rbp, rbx, r12, r13, r14, r15
	movq %rsp, (%rdi)
	movq (%rsi), %rsp
	each popq, r15, r14, r13, r12, rbx, rbp
	ret

/* The first return of a new thread ends here, as arch_context_init laid it out: the entry function in rbx, no
 * caller, stack aligned. */
FUNCTION(x86_context_start)
	xorl %ebp, %ebp
	callq *%rbx
	ud2

/* struct arch_recovery: the caller's rsp goes through rcx, its rip through rdx. */
	offsets PLACE_, rbx, rbp, r12, r13, r14, r15, rcx, rdx

/* int arch_recovery_set(struct arch_recovery *place) */
FUNCTION(arch_recovery_set)
	movq (%rsp), %rdx
	leaq 8(%rsp), %rcx
	store_all rdi, PLACE_, rbx, rbp, r12, r13, r14, r15, rcx, rdx
	xorl %eax, %eax
	ret

/* void arch_recovery_jump(struct arch_recovery *place): interrupts stay as they are. Leaves an IST stack too: the
 * processor starts that at its top anew. */
FUNCTION(arch_recovery_jump)
	load_all rdi, PLACE_, rbx, rbp, r12, r13, r14, r15, rcx, rdx
	movq %rcx, %rsp
	movl $1, %eax
	jmpq *%rdx
