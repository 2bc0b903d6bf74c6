// SPDX-License-Identifier: MPL-2.0
/*
 * The first instructions: entered by a PVH loader in 32-bit protected mode without paging, ebx = physical address
 * of the start information (Xen docs/misc/pvh.pandoc). Turns on long mode with tables that map the first 4 GiB
 * three times (at 0, in the direct map, and its first GiB at the image's addresses), and calls x86_boot there.
 * paging.c replaces these tables.
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
	movq $x86_boot_stack_top, %rsp
	movl %ebp, %edi
	xorl %ebp, %ebp
	movq $x86_boot, %rax              /* at its own address: no longer the low one */
	callq *%rax
	ud2

	.section .rodata.head, "a", @progbits
	.balign 8
boot_gdt:
	.quad 0, 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
	.word 4 * 8 - 1
	.long PHYS(boot_gdt)

/* Entries: 7 is present, writable, user; 0x83 present, writable, 2 MiB. */
	.section .data.head, "aw", @progbits
	.balign 4096
boot_root:
	.quad PHYS(boot_pdpt) + 7
	.fill 255, 8, 0
	.quad PHYS(boot_pdpt) + 7
	.fill 254, 8, 0
	.quad PHYS(boot_pdpt_image) + 7
boot_pdpt:
	.quad PHYS(boot_pd) + 0x7, PHYS(boot_pd) + 0x1007, PHYS(boot_pd) + 0x2007, PHYS(boot_pd) + 0x3007
	.fill 508, 8, 0
boot_pdpt_image:
	.fill 510, 8, 0
	.quad PHYS(boot_pd) + 7, 0
boot_pd:
	.set page, 0
	.rept 4 * 512
	.quad (page << 21) + 0x83
	.set page, page + 1
	.endr

/* The boot CPU's stacks, each above a page that paging.c leaves unmapped: its first thread's, then one for each
 * IST entry. */
	.section .stacks, "aw", @nobits
	.balign 4096
	.globl x86_boot_stacks, x86_boot_stack_top, x86_boot_stacks_end
x86_boot_stacks:
	.skip 5 * 4096
x86_boot_stack_top:
	.skip 4 * 5 * 4096
x86_boot_stacks_end:
