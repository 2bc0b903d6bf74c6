/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A secondary CPU's first instructions: from real mode to C. Copied to the page TRAMPOLINE, below 1 MiB, which smp.c knows too; TO() gives
 * where a label lies there. SAFETY: runs on no stack and touches only its own page until it has claimed the start.
 */
#define TRAMPOLINE 0x8000
#define TO(label) (label - trampoline_start + TRAMPOLINE)

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_end, trampoline_root, trampoline_stack, trampoline_claim
	.code16
trampoline_start:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TO(1f)
	movl %cr0, %eax
	orl $1, %eax                       /* protected mode */
	movl %eax, %cr0
	ljmpl $0x08, $TO(2f)

	.code32
2:	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movl $0x20, %eax                   /* CR4.PAE */
	movl %eax, %cr4
	movl TO(trampoline_root), %eax     /* below 4 GiB: x86_trampoline_root */
	movl %eax, %cr3
	movl $0xc0000080, %ecx             /* EFER: LME, NXE */
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl $0x80010033, %eax             /* CR0: PG, WP, NE, ET, MP, PE; caches on */
	movl %eax, %cr0
	ljmpl $0x18, $TO(3f)

	.code64
3:	xorl %eax, %eax
	xchgl %eax, TO(trampoline_claim)
	testl %eax, %eax
	jz 4f                              /* come too late: the boot CPU has given up, or another CPU is being started */
	movq TO(trampoline_stack), %rsp
	xorl %ebp, %ebp
	pushq $0                           /* as if called from nowhere */
	movq $x86_secondary, %rax
	jmpq *%rax
4:	hlt
	jmp 4b

	.balign 8
0:	.quad 0
	.quad 0x00cf9b000000ffff           /* 0x08: code, 32 bits */
	.quad 0x00cf93000000ffff           /* 0x10: data */
	.quad 0x00af9b000000ffff           /* 0x18: code, 64 bits */
1:	.word 4 * 8 - 1
	.long TO(0b)

	.balign 8
trampoline_root:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_claim:                          /* 1: the next CPU to come here takes the stack */
	.quad 0
trampoline_end:
