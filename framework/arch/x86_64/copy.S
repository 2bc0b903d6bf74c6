// SPDX-License-Identifier: MPL-2.0
/*
 * Accesses that may fault: user memory, and reading through a suspicious pointer. An access that may is in the table of fixups (trap.c), which
 * says where to go on and whether the fault may be at a user address only. The word loops fall back to single bytes, so that the count is exact.
 */

	.macro may_fault, access, fixup, any=0
	.pushsection .fixups, "a", @progbits
	.quad \access, \fixup, \any
	.popsection
	.endm

	.text

/* size_t x86_user_copy(void *to, const void *from, size_t len): how many bytes were copied. User access is open (SMAP). */
	.globl x86_user_copy
	.type x86_user_copy, @function
x86_user_copy:
	movq %rdx, %rax                   /* left to do */
	cmpq $32, %rax
	jb 3f
7:
	.irp off, 0, 8, 16, 24
1:	movq \off(%rsi), %r8
2:	movq %r8, \off(%rdi)
	may_fault 1b, 3f
	may_fault 2b, 3f
	.endr
	addq $32, %rsi
	addq $32, %rdi
	subq $32, %rax
	cmpq $32, %rax
	jae 7b
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
	may_fault 4b, 6b
	may_fault 5b, 6b
	.size x86_user_copy, . - x86_user_copy

/* size_t x86_user_zero(void *to, size_t len) */
	.globl x86_user_zero
	.type x86_user_zero, @function
x86_user_zero:
	movq %rsi, %rax
	xorl %edx, %edx
	cmpq $8, %rax
	jb 3f
1:	movq %rdx, (%rdi)
	addq $8, %rdi
	subq $8, %rax
	cmpq $8, %rax
	jae 1b
3:	testq %rax, %rax
	jz 6f
4:	movb %dl, (%rdi)
	incq %rdi
	decq %rax
	jnz 4b
6:	subq %rax, %rsi
	movq %rsi, %rax
	ret
	may_fault 1b, 3b
	may_fault 4b, 6b
	.size x86_user_zero, . - x86_user_zero

/* bool x86_user_load32(const u32 *at, u32 *out) */
	.globl x86_user_load32
	.type x86_user_load32, @function
x86_user_load32:
	xorl %eax, %eax
1:	movl (%rdi), %edx
	movl %edx, (%rsi)
	incl %eax
2:	ret
	may_fault 1b, 2b
	.size x86_user_load32, . - x86_user_load32

/* u64 x86_user_cas32(u32 *at, u32 expected, u32 to): the word found, or ~0 at a fault */
	.globl x86_user_cas32
	.type x86_user_cas32, @function
x86_user_cas32:
	movl %esi, %eax
1:	lock cmpxchgl %edx, (%rdi)
	ret
2:	movq $-1, %rax
	ret
	may_fault 1b, 2b
	.size x86_user_cas32, . - x86_user_cas32

/* bool x86_safe_read(u64 at, u64 *out): any address */
	.globl x86_safe_read
	.type x86_safe_read, @function
x86_safe_read:
	xorl %eax, %eax
1:	movq (%rdi), %rdx
	movq %rdx, (%rsi)
	incl %eax
2:	ret
	may_fault 1b, 2b, 1
	.size x86_safe_read, . - x86_safe_read

	.section .note.GNU-stack, "", @progbits
