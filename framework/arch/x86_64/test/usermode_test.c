// SPDX-License-Identifier: MPL-2.0
// User mode on the processor: what the common tests (user/test/usermode_test.c) cannot ask of every target.
#include <asm.h>
#include <user/test/usermode.h>
#include <x86.h>

PROGRAM(syscall, "syscall; ud2");
PROGRAM(hlt, "hlt");
PROGRAM(wrgsbase, "wrgsbase %rax");
PROGRAM(sysenter, "sysenter");
PROGRAM(far_compat, "pushq $0x23; leaq 1f(%rip), %rax; pushq %rax; lretq; 1: nop");
PROGRAM(sgdt, "sgdt -64(%rsp); syscall");
PROGRAM(flags, "pushfq; popq %rax; syscall");
PROGRAM(set_flags, "pushq %rdi; popfq; syscall; jmp program_flags");
PROGRAM(selectors, "movl %edi, %ds; movl %edi, %es; movl %edi, %fs; movl %edi, %gs; syscall;"
	"movl %ds, %eax; movl %es, %ebx; orl %ebx, %eax; movl %fs, %ebx; orl %ebx, %eax; movl %gs, %ebx; orl %ebx, %eax; movq %fs:0, %rbx; syscall");
PROGRAM(end, "");

TEST(instructions_that_are_switched_off_are_exceptions)
{
	start();
	EXPECT(is_exception(run(program_wrgsbase), UD));
	struct user_event event = run(program_far_compat);
	/* QEMU 7.2's emulation reads a program's stack for lret as the kernel would, which SMAP forbids. */
	EXPECT((is_exception(event, GP) && event.error == 0x20) || (x86_features.smap && event.kind == USER_PAGE_FAULT && event.present));
	event = run(program_sysenter);
	EXPECT(is_exception(event, GP) || is_exception(event, UD));
	stop();
}

TEST(flags_that_are_not_the_users_are_masked_at_every_entry)
{
	start();
	enter_at(program_flags);
	context->regs.rflags = ~(u64)0x100;   /* all but the trap flag: IOPL, NT, VM, VIF, VIP … */
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax, 0x240ed7);
	enter_at(program_flags);
	context->regs.rflags = 0;              /* the interrupt flag is always on */
	context->regs.rcx = context->regs.rip;
	context->regs.r11 = 0;
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax, FLAGS_IN_USER);
	stop();
}

TEST(flags_that_a_program_sets_do_not_reach_the_kernel)
{
	start();
	enter_at(program_set_flags);
	context->regs.rdi = 0x44ed5;           /* direction, nested task, alignment check … */
	EXPECT(user_run(context).kind == USER_SYSCALL);
	u64 flags, forbidden = x86_features.smap ? 0x44400 : 0x4400;   /* without SMAP, AC means nothing in the kernel */
	asm volatile("pushfq; popq %0" : "=r"(flags));
	EXPECT_EQ(flags & 0x44400, 0);
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax & 0x40400, 0x40400);
	EXPECT_EQ(context->regs.rax & 0x4000, 0);
	enter_at(program_hlt);
	context->regs.rflags = 0x40400;
	EXPECT(is_exception(user_run(context), GP));
	asm volatile("pushfq; popq %0" : "=r"(flags));
	EXPECT_EQ(flags & forbidden, 0);
	stop();
}

TEST(selectors_that_a_program_loads_do_not_outlive_its_turn)
{
	start();
	u64 word = 0x3333;
	size_t done;
	EXPECT_EQ(user_write(UADDR(DATA), (struct cbytes){ (const u8 *)&word, sizeof(word) }, &done), OK);
	context->regs.fs_base = DATA;
	for (u32 selector = 0; selector <= USER_CS; selector = selector == 0 ? 3 : selector == 3 ? USER_DS : selector + 8) {
		enter_at(program_selectors);
		context->regs.rdi = selector;
		EXPECT(user_run(context).kind == USER_SYSCALL);
		EXPECT_EQ(task_sleep_until(clock_now() + 20 * NS_PER_MS, false), OK);   /* another task ran */
		EXPECT(user_run(context).kind == USER_SYSCALL);
		EXPECT_EQ(context->regs.rax, 0);
		EXPECT_EQ(context->regs.rbx, 0x3333);
		EXPECT(this_cpu()->self == this_cpu());
	}
	stop();
}

TEST(descriptor_tables_are_not_shown_where_the_processor_can_hide_them)
{
	start();
	struct user_event event = run(program_sgdt);
	EXPECT(x86_features.umip ? is_exception(event, GP) : event.kind == USER_SYSCALL);
	stop();
}

TEST(a_fault_on_the_kernels_side_of_a_copy_is_not_taken_for_the_users)
{
	start();
	u8 *unbacked = (u8 *)(align_down((u64)context, (u64)1 << HEAP_WINDOW_SHIFT) + ((u64)1 << HEAP_WINDOW_SHIFT) - PAGE_SIZE);
	EXPECT_TRAP((void)arch_user_copy_in(unbacked, DATA, 64));
	EXPECT_TRAP((void)arch_user_copy_out(DATA, unbacked, 64));
	u64 flags;
	asm volatile("pushfq; popq %0" : "=r"(flags));
	EXPECT(!x86_features.smap || (flags & 0x40000) == 0);   /* open no longer than the copy */
	stop();
}

TEST(user_memory_is_closed_to_the_kernel_where_the_processor_can)
{
	start();
	if (x86_features.smap)
		EXPECT_TRAP((void)*(volatile u64 *)DATA);
	else
		test_skip("this processor has no SMAP");
	stop();
}
