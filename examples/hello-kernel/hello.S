// SPDX-License-Identifier: MPL-2.0
// The user program of hello-kernel: write(1, text, 14), then exit(0), by Linux' x86-64 system calls.
	.globl	_start
_start:
	movl	$1, %eax		# write
	movl	$1, %edi		# to standard output
	leaq	text(%rip), %rsi
	movl	$14, %edx
	syscall
	movl	$60, %eax		# exit
	xorl	%edi, %edi
	syscall
text:
	.ascii	"Hello, world!\n"
