// SPDX-License-Identifier: MPL-2.0
/*
 * The first instructions: entered by a PVH loader in 32-bit protected mode without paging, ebx = physical address of the start information
 * (Xen docs/misc/pvh.pandoc). Turns on long mode with tables that map the first 4 GiB three times (at 0, in the direct map, and its first
 * GiB at the image's addresses), and calls x86_boot there. paging.c replaces these tables.
 */
#include <asm.h>

#define IMAGE 0xffffffff80000000
#define PHYS(symbol) (symbol - IMAGE)

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18                    /* name, descriptor, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long PHYS(x86_start)

	.section .head, "ax", @progbits
	.code32
	.globl x86_start
x86_start:
	cli
	cld
	movl %ebx, %ebp
	xorl %eax, %eax
	movl $PHYS(__bss_start), %edi
	movl $PHYS(__bss_stop), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	rep stosl

	/* Long mode and no-execute, or there is nothing to be done: say so by stopping. */
	movl $0x80000001, %eax
	cpuid
	andl $((1 << 29) | (1 << 20)), %edx
	cmpl $((1 << 29) | (1 << 20)), %edx
	jne halt

	movl $PHYS(boot_pdpt) + 7, %eax
	movl %eax, PHYS(boot_root)
	movl %eax, PHYS(boot_root) + 256 * 8
	movl $PHYS(boot_pdpt_image) + 7, PHYS(boot_root) + 511 * 8
	movl $PHYS(boot_pd) + 7, PHYS(boot_pdpt_image) + 510 * 8
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $12, %eax
	addl $PHYS(boot_pd) + 7, %eax
	movl %eax, PHYS(boot_pdpt)(, %ecx, 8)
	incl %ecx
	cmpl $4, %ecx
	jne 1b
	xorl %ecx, %ecx
2:	movl %ecx, %eax
	shll $21, %eax
	addl $0x83, %eax                  /* present, writable, 2 MiB */
	movl %eax, PHYS(boot_pd)(, %ecx, 8)
	incl %ecx
	cmpl $2048, %ecx
	jne 2b

	movl $0x20, %eax                  /* CR4.PAE */
	movl %eax, %cr4
	movl $PHYS(boot_root), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax                  /* EFER: LME, NXE, SCE */
	wrmsr
	movl $0x80010033, %eax            /* CR0: PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_pointer)
	ljmp $KERNEL_CS, $PHYS(start64)
halt:
	hlt
	jmp halt

	.code64
start64:
	movabsq $start_high, %rax
	jmpq *%rax
start_high:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movq $x86_boot_stack_top, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp
	call x86_boot
	ud2

	.section .rodata.head, "a", @progbits
	.balign 8
boot_gdt:
	.quad 0, 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
	.word 4 * 8 - 1
	.long PHYS(boot_gdt)

	.section .bss.head, "aw", @nobits
	.balign 4096
boot_root:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd:
	.skip 4 * 4096

/* The boot CPU's stacks, each above a page that paging.c leaves unmapped: its first thread's, then one for each IST entry. */
	.section .stacks, "aw", @nobits
	.balign 4096
	.globl x86_boot_stacks, x86_boot_stack_top, x86_boot_stacks_end
x86_boot_stacks:
	.skip 4096
	.skip 4 * 4096
x86_boot_stack_top:
	.rept 4
	.skip 4096
	.skip 4 * 4096
	.endr
x86_boot_stacks_end:

	.section .note.GNU-stack, "", @progbits
