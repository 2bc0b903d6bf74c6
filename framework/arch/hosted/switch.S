// SPDX-License-Identifier: MPL-2.0
// The switch between fibres, recovery from traps, and the way back from a signal handler.
	.text

// void hosted_switch(u64 *from_sp, u64 to_sp): callee-saved registers on the stack, then the other stack.
	.globl hosted_switch
	.type hosted_switch, @function
hosted_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size hosted_switch, . - hosted_switch

// Where a new fibre begins; rbx: its entry function.
	.globl hosted_fiber_entry
	.type hosted_fiber_entry, @function
hosted_fiber_entry:
	xorl	%ebp, %ebp
	call	hosted_fiber_start
	call	*%rbx
	ud2
	.size hosted_fiber_entry, . - hosted_fiber_entry

// int arch_recovery_set(struct arch_recovery *)
	.globl arch_recovery_set
	.type arch_recovery_set, @function
arch_recovery_set:
	movq	%rbx, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 56(%rdi)
	xorl	%eax, %eax
	ret
	.size arch_recovery_set, . - arch_recovery_set

// void hosted_recover(struct arch_recovery *)
	.globl hosted_recover
	.type hosted_recover, @function
hosted_recover:
	movq	0(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	movl	$1, %eax
	jmp	*56(%rdi)
	.size hosted_recover, . - hosted_recover

// A fault's handler sends the interrupted code here, on its own stack.
	.globl hosted_trap_entry
	.type hosted_trap_entry, @function
hosted_trap_entry:
	call	hosted_trap
	ud2
	.size hosted_trap_entry, . - hosted_trap_entry

// The end of a signal handler: rt_sigreturn(2).
	.globl hosted_signal_return
	.type hosted_signal_return, @function
	nop
hosted_signal_return:
	movl	$15, %eax
	syscall
	ud2
	.size hosted_signal_return, . - hosted_signal_return

// long hosted_spawn(void *stack_top, void (*body)(void *), void *arg): a process that shares our memory until it executes another program;
// until then we wait. Its number, or the host's error.
	.globl hosted_spawn
	.type hosted_spawn, @function
hosted_spawn:
	movq	%rsi, -8(%rdi)
	movq	%rdx, -16(%rdi)
	leaq	-16(%rdi), %rsi
	movl	$0x4100, %edi           // CLONE_VM | CLONE_VFORK; no signal at its end
	xorl	%edx, %edx
	xorl	%r10d, %r10d
	xorl	%r8d, %r8d
	movl	$56, %eax
	syscall
	testq	%rax, %rax
	jz	1f
	ret
1:	xorl	%ebp, %ebp
	popq	%rdi
	popq	%rax
	call	*%rax
	movl	$127, %edi
	movl	$60, %eax
	syscall
	ud2
	.size hosted_spawn, . - hosted_spawn

	.section .note.GNU-stack, "", @progbits
