// SPDX-License-Identifier: MPL-2.0
/*
 * The stack check at the entry of each service function (-pg -mfentry): below this CPU's limit the service traps, so a framework
 * function that it calls always finds the rest of the stack (enum stack_reserve) to itself.
 */
#include <asm.h>

	.text
	.globl	__fentry__
	.type	__fentry__, @function
/* On entry: the return address points behind the call at the function's first instruction; all argument registers are live. */
__fentry__:
	cmpq	%gs:CPU_STACK_LIMIT, %rsp
	jb	1f
	ret
1:	/* misuse_at(what, file, line, pc, fp) does not come back. SAFETY: the reserve below the limit holds what it needs. */
	movq	(%rsp), %rcx
	movq	%rbp, %r8
	leaq	overflow(%rip), %rdi
	leaq	overflow_end(%rip), %rsi
	xorl	%edx, %edx
	call	misuse_at
	ud2
	.size	__fentry__, . - __fentry__

	.section .rodata
overflow:
	.ascii	"kernel stack overflow"
overflow_end:
	.byte	0
