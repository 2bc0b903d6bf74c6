// SPDX-License-Identifier: MPL-2.0
/**
 * A kernel in about 100 lines of Safe C: it loads one user program and serves its two system calls.
 *
 * docs/hello-kernel.md explains it line by line. The program (hello.S) comes as the initial RAM disk.
 */
#include <cadre/boot.h>
#include <cadre/frame.h>
#include <cadre/log.h>
#include <cadre/user.h>
#include <cadre/vm_space.h>

enum : u64 {
	PROGRAM_START = 0x400000,
	SYS_WRITE = 1,
	SYS_EXIT = 60,
};

/** Maps the page of the program that begins at `off` of the RAM disk, read-only and executable. */
static err_t
page_load(struct vm_space *space, struct byte_array *buffer, size_t off)
{
	struct bytes page = bytes_sub(byte_array_bytes(buffer), 0, MIN(PAGE_SIZE, boot_initrd_len() - off));
	boot_initrd_read(off, page);
	struct frame *frame = frame_alloc_filled(bytes_const(page));
	if (frame == nullptr)
		return ENOMEM;

	VM_CURSOR_SCOPE(cursor);
	uaddr_t at = UADDR(PROGRAM_START + off);
	err_t err = vm_cursor_open(space, at, UADDR(at.raw + PAGE_SIZE), &cursor);
	if (err == OK)
		err = vm_cursor_map(&cursor, frame, VM_READ | VM_EXEC, VM_CACHE_BACK);
	frame_put(frame); /* the mapping has a reference of its own */
	return err;
}

static err_t
program_load(struct vm_space *space)
{
	struct byte_array *buffer = byte_array_alloc(PAGE_SIZE);
	if (buffer == nullptr)
		return ENOMEM;
	err_t err = boot_initrd_len() == 0 ? ENOENT : OK;
	for (size_t off = 0; err == OK && off < boot_initrd_len(); off += PAGE_SIZE)
		err = page_load(space, buffer, off);
	byte_array_put(buffer);
	return err;
}

/** write(2) to standard output or error: the console. Returns what Linux would: a count, or a negated error. */
static u64
sys_write(u64 fd, uaddr_t from, u64 len)
{
	if (fd != 1 && fd != 2)
		return 0 - (u64)EBADF;
	u8 buffer[256];
	u64 written = 0;
	while (written < len) {
		struct bytes part = bytes_sub(BYTES_OF(buffer), 0, MIN(len - written, sizeof(buffer)));
		size_t copied = 0;
		err_t err = user_read(part, UADDR(from.raw + written), &copied);
		console_write(bytes_const(bytes_sub(part, 0, copied)));
		written += copied;
		if (err != OK)
			return written > 0 ? written : 0 - (u64)err;
	}
	return written;
}

static u64
system_call(struct user_regs *regs)
{
	switch (regs->rax) {
	case SYS_WRITE:
		return sys_write(regs->rdi, UADDR(regs->rsi), regs->rdx);
	case SYS_EXIT:
		power_off((u8)regs->rdi);
	default:
		return 0 - (u64)ENOSYS;
	}
}

NORETURN static void
fail(struct cbytes what)
{
	log_error("hello-kernel: {}", what);
	power_off(1);
}

void
kernel_main(void)
{
	struct vm_space *space = nullptr;
	struct user_context *user = nullptr;
	if (vm_space_create(&space) != OK || user_context_create(&user) != OK || program_load(space) != OK)
		fail(TEXT("cannot load the program: pass it with -initrd, and at least 64 MiB of memory"));
	vm_space_activate(space);
	user->regs.rip = PROGRAM_START;

	for (;;) {
		struct user_event event = user_run(user);
		if (event.kind == USER_SYSCALL)
			user->regs.rax = system_call(&user->regs);
		else if (event.kind != USER_INTERRUPTED)
			fail(TEXT("the program faulted"));
	}
}
