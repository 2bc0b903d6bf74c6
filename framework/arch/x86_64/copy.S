// SPDX-License-Identifier: MPL-2.0
/*
 * Accesses that may fault: user memory, and reading through a suspicious pointer. An access that may is in the
 * table of fixups (trap.c), which says where to go on and whether the fault may be at a user address only. The
 * word loop falls back to single bytes, so that the count is exact.
 */
#include <asm.h>

	.macro may_fault, access, fixup, any=0
	.pushsection .fixups, "a", @progbits
	.quad \access, \fixup, \any
	.popsection
	.endm

	.text

/* size_t x86_user_copy(void *to, const void *from, size_t len): how many bytes were copied. User access is open
 * (SMAP). */
FUNCTION(x86_user_copy)
	movq %rdx, %rax                   /* left to do */
	cmpq $64, %rax
	jae 7f
1:	cmpq $8, %rax
	jb 3f
8:	movq (%rsi), %r8
9:	movq %r8, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rax
	jmp 1b
7:	movq %rax, %rcx
	andl $7, %eax
	shrq $3, %rcx
2:	rep movsq                         /* at a fault rcx has the words left, and the addresses stand there */
	jmp 3f
0:	leaq (%rax, %rcx, 8), %rax
3:	testq %rax, %rax
	jz 6f
4:	movb (%rsi), %r8b
5:	movb %r8b, (%rdi)
	incq %rsi
	incq %rdi
	decq %rax
	jnz 4b
6:	subq %rax, %rdx
	movq %rdx, %rax
	ret
	may_fault 8b, 3b
	may_fault 9b, 3b
	may_fault 2b, 0b
	may_fault 4b, 6b
	may_fault 5b, 6b

/* u64 x86_user_cas32(u32 *at, u32 expected, u32 to): the word found, or ~0 at a fault */
FUNCTION(x86_user_cas32)
	movl %esi, %eax
1:	lock cmpxchgl %edx, (%rdi)
	ret
2:	movq $-1, %rax
	ret
	may_fault 1b, 2b

/* bool name(address, out): one read of a word; `any`: at any address. */
	.macro load name, move, register, any
FUNCTION(\name)
	xorl %eax, %eax
1:	\move (%rdi), %\register
	\move %\register, (%rsi)
	incl %eax
2:	ret
	may_fault 1b, 2b, \any
	.endm
	load x86_user_load32, movl, edx, 0
	load x86_safe_read, movq, rdx, 1
