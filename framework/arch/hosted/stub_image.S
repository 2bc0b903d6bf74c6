// SPDX-License-Identifier: MPL-2.0
// The stub's program file, for memfd_create and execveat.
	.section .rodata
	.globl hosted_stub_image
	.globl hosted_stub_image_end
hosted_stub_image:
	.incbin "stub.elf"
hosted_stub_image_end:
	.section .note.GNU-stack, "", @progbits
