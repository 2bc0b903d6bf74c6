// SPDX-License-Identifier: MPL-2.0
// Guests: what only this target has of user mode. The rest is user/test/usermode_test.c.
#include <guest.h>
#include <user/test/usermode.h>

PROGRAM(syscalls, "1: syscall; jmp 1b");
PROGRAM(scribble, "movb $0xff, %al; cld; rep stosb; syscall");
PROGRAM(int80, "int $0x80");
PROGRAM(vsyscall, "movq $0xffffffffff600000, %rax; call *%rax");
PROGRAM(read, "movq (%rdi), %rax; syscall");
PROGRAM(write, "movq %rax, (%rdi); syscall");
PROGRAM(end, "");

/** Ends the process of each guest that this CPU has. */
static void
guests_kill(void)
{
	u64 flags = arch_irq_save();
	for (u16 asid = 1; asid <= GUEST_ASIDS; asid++)
		if (guest_of(asid)->process != 0)
			HOST_CALL(HOST_KILL, guest_of(asid)->process, HOST_SIGKILL);
	arch_irq_restore(flags);
}

/** Buries this CPU's guests; each is started anew at its next use. Interrupts are off. */
static void
guests_bury(void *unused)
{
	(void)unused;
	for (u16 asid = 1; asid <= GUEST_ASIDS; asid++)
		if (guest_of(asid)->process != 0)
			guest_end(guest_of(asid));
}

TEST(a_guest_that_dies_is_a_protection_event_and_another_takes_its_place)
{
	bool seen = false;
	start();
	EXPECT(run(program_syscalls).kind == USER_SYSCALL);
	for (u32 i = 0; i < 1000 && !seen; i++) {   /* on several CPUs we may go on with another one's */
		guests_kill();
		struct user_event event = user_run(context);
		seen = is_exception(event, GP);
		EXPECT(seen || event.kind == USER_SYSCALL);
	}
	EXPECT(seen);
	cpu_call(cpu_online_set(), guests_bury, nullptr);
	EXPECT(run(program_syscalls).kind == USER_SYSCALL);
	stop();
}

TEST(a_program_that_writes_on_its_stub_harms_itself_only)
{
	start();
	for (u64 at = STUB_SLOT; at < STUB_SLOT + STUB_SLOT_BYTES; at += 0x700) {
		context->regs.rdi = at;
		context->regs.rcx = STUB_SLOT + STUB_SLOT_BYTES - at;
		struct user_event event = run(program_scribble);
		EXPECT(event.kind == USER_SYSCALL || event.kind == USER_EXCEPTION || event.kind == USER_PAGE_FAULT);
		user_fpu_reset(context);
	}
	stop();
	start();   /* elsewhere */
	EXPECT(run(program_syscalls).kind == USER_SYSCALL);
	stop();
}

TEST(system_calls_that_are_none_here_are_exceptions_at_the_instruction)
{
	start();
	struct user_event event = run(program_int80);
	EXPECT(is_exception(event, GP) && event.error == 0x402);
	EXPECT_EQ(context->regs.rip, address_of(program_int80));
	event = run(program_vsyscall);
	EXPECT(event.kind == USER_PAGE_FAULT && event.access == USER_ACCESS_EXEC && event.address == 0xffffffffff600000);
	EXPECT_EQ(context->regs.rip, 0xffffffffff600000);
	EXPECT_EQ(context->regs.rsp, STACK_TOP - 128 - 8);
	stop();
}

static struct vm_entry
data_entry(bool clear_accessed)
{
	VM_CURSOR_SCOPE(cursor);
	EXPECT_EQ(vm_cursor_open(space, UADDR(DATA), UADDR(DATA + PAGE_SIZE), &cursor), OK);
	if (clear_accessed)
		vm_cursor_clear_accessed(&cursor);
	return vm_cursor_query(&cursor);
}

TEST(a_page_is_dirty_from_the_first_write_on_and_accessed_again_once_it_is_cleared)
{
	start();
	context->regs.rdi = DATA;
	EXPECT(run(program_read).kind == USER_SYSCALL);
	EXPECT(data_entry(false).accessed && !data_entry(false).dirty);
	for (u32 i = 0; i < 3; i++) {
		EXPECT(!data_entry(true).accessed);
		EXPECT(run(i == 0 ? program_read : program_write).kind == USER_SYSCALL);
		EXPECT(data_entry(false).accessed);
		EXPECT_EQ(data_entry(false).dirty, i > 0);
	}
	stop();
}

TEST(pages_are_mapped_again_after_everything_was_forgotten)
{
	start();
	for (u32 i = 0; i < 20; i++) {
		u64 flags = arch_irq_save();
		arch_tlb_flush_all();
		arch_irq_restore(flags);
		context->regs.rdi = DATA;
		context->regs.rax = i;
		EXPECT(run(program_write).kind == USER_SYSCALL);
		u64 value = 0;
		size_t done;
		EXPECT_EQ(user_read((struct bytes){ (u8 *)&value, sizeof(value) }, UADDR(DATA), &done), OK);
		EXPECT_EQ(value, i);
	}
	stop();
}
