// SPDX-License-Identifier: MPL-2.0
// User mode: every kind of event, registers in and out, FPU state, preemption, and registers that a hostile service or program would set.
#include <cadre/irq.h>
#include <task/task_impl.h>
#include <user/test/usermode.h>

PROGRAM(syscall, "syscall; ud2");
PROGRAM(syscalls, "1: syscall; jmp 1b");
PROGRAM(divide, "xorl %ecx, %ecx; divl %ecx");
PROGRAM(int3, "int3");
PROGRAM(int80, "int $0x80");
PROGRAM(int_gate, "int $14");
PROGRAM(int_timer, "int $0xf8");
PROGRAM(int_double, "int $8");
PROGRAM(icebp, ".byte 0xf1");
PROGRAM(hlt, "hlt");
PROGRAM(cli, "cli");
PROGRAM(in, "inb $0x60, %al");
PROGRAM(out, "movw $0x501, %dx; outb %al, %dx");
PROGRAM(cr0, "movq %cr0, %rax");
PROGRAM(cr3, "movq %rax, %cr3");
PROGRAM(rdmsr, "rdmsr");
PROGRAM(lgdt, "lgdt (%rsp)");
PROGRAM(lidt, "lidt (%rsp)");
PROGRAM(ltr, "ltr %ax");
PROGRAM(swapgs, "swapgs");
PROGRAM(sysret, "sysretq");
PROGRAM(iret_kernel, "pushq $0; pushq $0; pushq $2; pushq $0x10; pushq $0; iretq");
PROGRAM(load_kernel_ss, "movl $0x18, %eax; movl %eax, %ss");
PROGRAM(clts, "clts");
PROGRAM(invlpg, "invlpg (%rax)");
PROGRAM(read, "movq (%rdi), %rax; syscall");
PROGRAM(write, "movq %rax, (%rdi); syscall");
PROGRAM(jump, "jmpq *%rdi");
PROGRAM(push, "pushq %rax; syscall");
PROGRAM(nops, "nop; nop; nop; ud2");
PROGRAM(unaligned, "movq 1(%rsp), %rax; syscall");
PROGRAM(fs, "movq %fs:0, %rax; movq %gs:8, %rbx; syscall");
PROGRAM(cpl, "movl %cs, %eax; movl %ss, %ebx; syscall");
PROGRAM(x87, "fninit; pushq $0; fldcw (%rsp); fldz; fld1; fdivp; fwait; nop");
PROGRAM(sse, "pushq $0; ldmxcsr (%rsp); pxor %xmm0, %xmm0; movl $1, %eax; cvtsi2sd %eax, %xmm1; divsd %xmm0, %xmm1; nop");
PROGRAM(xmm, "movq %rdi, %xmm0; movq %rdi, %xmm15; 1: syscall; movq %xmm0, %rax; movq %xmm15, %rbx; jmp 1b");
PROGRAM(fpu_check, "movq %rdi, %xmm7; pushq %rdi; fildq (%rsp); 1: incq (%rsi); movq %xmm7, %rax; cmpq %rax, %rdi; je 1b; ud2");
PROGRAM(end, "");

/* --- registers in and out --- */

static void
set_pattern(struct user_regs *regs, u64 seed)
{
	u64 *words = (u64 *)regs;
	for (u32 i = 0; i < 16; i++)
		words[i] = seed * (i + 1) * 0x0101010101010101;
}

TEST(a_system_call_brings_all_registers_and_takes_them_back)
{
	start();
	set_pattern(&context->regs, 3);
	struct user_regs before = context->regs;
	struct user_event event = run(program_syscalls);
	EXPECT(event.kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rip, address_of(program_syscalls) + 2);
	EXPECT_EQ(context->regs.rcx, context->regs.rip);
	EXPECT_EQ(context->regs.r11, FLAGS_IN_USER);
	EXPECT_EQ(context->regs.rflags, FLAGS_IN_USER);
	EXPECT_EQ(context->regs.rsp, STACK_TOP - 128);
	EXPECT(context->regs.rax == before.rax && context->regs.rbx == before.rbx && context->regs.rdx == before.rdx);
	EXPECT(context->regs.rsi == before.rsi && context->regs.rdi == before.rdi && context->regs.rbp == before.rbp);
	EXPECT(memcmp(&context->regs.r8, &before.r8, 3 * 8) == 0 && memcmp(&context->regs.r12, &before.r12, 4 * 8) == 0);

	struct user_regs again = context->regs;   /* the quick way back in */
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT(memcmp(&again, &context->regs, sizeof(again)) == 0);
	stop();
}

TEST(an_exception_brings_all_registers_and_takes_them_back)
{
	start();
	set_pattern(&context->regs, 5);
	struct user_regs before = context->regs;
	EXPECT(is_exception(run(program_hlt), GP));
	before.rip = address_of(program_hlt), before.rsp = STACK_TOP - 128, before.rflags = context->regs.rflags;
	EXPECT(memcmp(&context->regs, &before, sizeof(before)) == 0);
	EXPECT(is_exception(user_run(context), GP));
	EXPECT(memcmp(&context->regs, &before, sizeof(before)) == 0);
	stop();
}

TEST(programs_run_in_ring_three_with_the_selectors_of_linux)
{
	start();
	EXPECT(run(program_cpl).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax, 0x33);
	EXPECT_EQ(context->regs.rbx, 0x2b);
	stop();
}

/* --- events --- */

/** QEMU 7.2's emulation reads a program's stack for iret and lret as the kernel would, which SMAP forbids. */
static bool
emulated_return(struct user_event event)
{
	return event.kind == USER_PAGE_FAULT && event.present && event.address / PAGE_SIZE == DATA / PAGE_SIZE;
}

TEST(what_a_program_may_not_do_is_an_exception_event)
{
	static const struct { const u8 *program; u32 vector, error; } cases[] = {
		{ program_divide, DE, 0 }, { program_int3, BP, 0 }, { program_int80, GP, 0x402 }, { program_int_gate, GP, 0x72 },
		{ program_int_timer, GP, 0x7c2 }, { program_int_double, GP, 0x42 }, { program_hlt, GP, 0 }, { program_cli, GP, 0 }, { program_in, GP, 0 },
		{ program_out, GP, 0 }, { program_cr0, GP, 0 }, { program_cr3, GP, 0 }, { program_rdmsr, GP, 0 }, { program_lgdt, GP, 0 },
		{ program_lidt, GP, 0 }, { program_ltr, GP, 0 }, { program_swapgs, GP, 0 }, { program_sysret, GP, 0 },
		{ program_iret_kernel, GP, 0x10 }, { program_load_kernel_ss, GP, 0x18 }, { program_clts, GP, 0 },
		{ program_invlpg, GP, 0 }, { program_nops + 3, UD, 0 },
	};
	start();
	for (u32 i = 0; i < COUNTOF(cases); i++) {
		struct user_event event = run(cases[i].program);
		if (emulated_return(event))
			continue;
		EXPECT(is_exception(event, cases[i].vector));
		/* QEMU 7.2's emulation has twice the index in the error code of `int n`. */
		EXPECT(event.error == cases[i].error || event.error == (cases[i].error & ~7u) * 2 + 2);
	}
	stop();
}

TEST(debug_exceptions_of_programs_are_events)
{
	start();
	struct user_event first = run(program_icebp);
	EXPECT(is_exception(first, DB) || is_exception(first, UD));   /* QEMU's emulation does not know it */
	enter_at(program_nops);
	context->regs.rflags = 0x100;
	for (u32 i = 1; i <= 3; i++) {
		struct user_event event = user_run(context);
		EXPECT(is_exception(event, DB) && (event.error & 0x4000) != 0);
		EXPECT_EQ(context->regs.rip, address_of(program_nops) + i);
	}
	enter_at(program_syscalls);
	context->regs.rflags = 0x100;   /* a step over a system call: the trap flag stays the program's */
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT((context->regs.rflags & 0x100) != 0);
	EXPECT(is_exception(user_run(context), DB));
	stop();
}

/* QEMU's emulation raises neither SIMD exceptions nor alignment checks: the programs then go on to a system call. */
TEST(exceptions_of_arithmetic_units_are_events)
{
	start();
	EXPECT(is_exception(run(program_x87), MF));
	user_fpu_reset(context);
	struct user_event event = run(program_sse);
	EXPECT(is_exception(event, XM) || event.kind == USER_SYSCALL);
	user_fpu_reset(context);
	enter_at(program_unaligned);
	context->regs.rflags = 0x40000;
	event = user_run(context);
	EXPECT(is_exception(event, AC) || event.kind == USER_SYSCALL);
	stop();
}

TEST(page_faults_say_where_and_what)
{
	start();
	context->regs.rdi = NOWHERE;
	struct user_event event = run(program_read);
	EXPECT(is_fault(event, NOWHERE, USER_ACCESS_READ) && !event.present);
	event = run(program_write);
	EXPECT(is_fault(event, NOWHERE, USER_ACCESS_WRITE) && !event.present);
	event = run(program_jump);
	EXPECT(is_fault(event, NOWHERE, USER_ACCESS_EXEC) && !event.present);
	context->regs.rdi = CODE;
	event = run(program_write);
	EXPECT(is_fault(event, CODE, USER_ACCESS_WRITE) && event.present);
	context->regs.rdi = DATA;
	event = run(program_jump);
	EXPECT(is_fault(event, DATA, USER_ACCESS_EXEC) && event.present);
	stop();
}

TEST(kernel_memory_is_out_of_reach_of_programs)
{
	static const u64 targets[] = { DIRECT_MAP_BASE + 0x200000, HEAP_BASE, 0xffffffff80200000, (u64)-8, STACK_BASE };
	start();
	for (u32 i = 0; i < COUNTOF(targets); i++) {
		context->regs.rdi = targets[i];
		EXPECT(is_fault(run(program_read), targets[i], USER_ACCESS_READ));
		EXPECT(is_fault(run(program_write), targets[i], USER_ACCESS_WRITE));
		EXPECT(is_fault(run(program_jump), targets[i], USER_ACCESS_EXEC));
	}
	stop();
}

/* --- registers that cannot be --- */

TEST(addresses_that_are_not_canonical_are_a_protection_event)
{
	static const u64 wrong[] = { (u64)1 << 47, (u64)1 << 63, 0xffff7fffffffffff, 0x0001000000000000 };
	start();
	for (u32 i = 0; i < COUNTOF(wrong); i++) {
		enter_at(program_syscall);
		context->regs.rip = wrong[i];
		EXPECT(is_exception(user_run(context), GP));
		context->regs.rcx = wrong[i], context->regs.r11 = FLAGS_IN_USER, context->regs.rflags = FLAGS_IN_USER;   /* by sysret */
		EXPECT(is_exception(user_run(context), GP));
		enter_at(program_syscall);
		context->regs.fs_base = wrong[i];
		EXPECT(is_exception(user_run(context), GP));
		context->regs.fs_base = 0, context->regs.gs_base = wrong[i];
		EXPECT(is_exception(user_run(context), GP));
		context->regs.gs_base = 0;
		enter_at(program_push);
		context->regs.rsp = wrong[i];
		struct user_event event = user_run(context);   /* emulated: another exception */
		EXPECT(is_exception(event, SS) || is_exception(event, GP) || event.kind == USER_PAGE_FAULT);
	}
	EXPECT(run(program_syscall).kind == USER_SYSCALL);
	stop();
}

TEST(rip_at_the_end_of_user_space_and_in_kernel_space_faults_in_user_mode)
{
	static const u64 ends[] = { USER_END, USER_END - 1, 0x7fffffffffff, DIRECT_MAP_BASE, 0xffffffff80200000, (u64)-1, 0 };
	start();
	for (u32 i = 0; i < COUNTOF(ends); i++) {
		enter_at(program_syscall);
		context->regs.rip = ends[i];
		context->regs.rcx = ends[i], context->regs.r11 = FLAGS_IN_USER;
		struct user_event event = user_run(context);
		EXPECT(event.kind == USER_PAGE_FAULT && event.access == USER_ACCESS_EXEC);
		EXPECT_EQ(context->regs.rip, ends[i]);
	}
	stop();
}

TEST(bases_are_the_contexts)
{
	start();
	u64 words[2] = { 0x1111, 0x2222 };
	size_t done;
	EXPECT_EQ(user_write(UADDR(DATA), (struct cbytes){ (const u8 *)words, sizeof(words) }, &done), OK);
	context->regs.fs_base = DATA, context->regs.gs_base = DATA;
	EXPECT(run(program_fs).kind == USER_SYSCALL);
	EXPECT(context->regs.rax == 0x1111 && context->regs.rbx == 0x2222);
	context->regs.fs_base = DATA + 8, context->regs.gs_base = DATA - 8;
	EXPECT(run(program_fs).kind == USER_SYSCALL);
	EXPECT(context->regs.rax == 0x2222 && context->regs.rbx == 0x1111);
	struct cpu *cpu = this_cpu();
	EXPECT(cpu->self == cpu);
	stop();
}

/* --- user memory from the kernel --- */

TEST(copies_stop_at_the_very_byte_that_faults)
{
	start();
	u8 buffer[80];
	u64 end = DATA + PAGE_SIZE;
	for (u32 before = 0; before < 70; before++) {
		memset(buffer, (int)before, sizeof(buffer));
		EXPECT_EQ(arch_user_copy_out(end - before, buffer, 80), before);
		memset(buffer, 0xff, sizeof(buffer));
		EXPECT_EQ(arch_user_copy_in(buffer, end - before, 80), before);
		for (u32 i = 0; i < sizeof(buffer); i++)
			EXPECT_EQ(buffer[i], i < before ? before : 0xff);
		EXPECT_EQ(arch_user_copy_in(buffer, end - before, 40), MIN(before, 40u));
		EXPECT_EQ(arch_user_zero(end - before, 80), before);
	}
	u32 word = 5;
	bool swapped = false;
	EXPECT(!arch_user_load32(end, &word) && word == 5);
	EXPECT(!arch_user_cas32(end, &word, 7, &swapped) && word == 5 && !swapped);
	EXPECT(!arch_user_cas32(CODE, &word, 7, &swapped));
	word = 0;
	EXPECT(arch_user_cas32(DATA, &word, 7, &swapped) && swapped);
	EXPECT(arch_user_cas32(DATA, &word, 8, &swapped) && !swapped && word == 7);
	EXPECT(arch_user_load32(DATA, &word) && word == 7);
	stop();
}

/* --- FPU --- */

TEST(fpu_registers_belong_to_the_context)
{
	start();
	struct user_context *other = start_context();
	enter_at(program_xmm);
	context->regs.rdi = 0xaaaa;
	other->regs = context->regs;
	other->regs.rdi = 0xbbbb;
	for (u32 i = 0; i < 6; i++) {
		EXPECT(user_run(context).kind == USER_SYSCALL && user_run(other).kind == USER_SYSCALL);
		if (i > 0)
			EXPECT(context->regs.rax == 0xaaaa && context->regs.rbx == 0xaaaa && other->regs.rax == 0xbbbb && other->regs.rbx == 0xbbbb);
		if (i == 3)
			EXPECT_EQ(task_sleep_until(clock_now() + NS_PER_MS, false), OK);
	}
	user_context_copy(other, context);
	EXPECT(user_run(other).kind == USER_SYSCALL && other->regs.rax == 0xaaaa);
	user_fpu_reset(context);
	EXPECT(user_run(context).kind == USER_SYSCALL && context->regs.rax == 0);
	user_context_put(other);
	stop();
}

TEST(fpu_images_travel)
{
	static u8 image[8192];
	struct bytes out = { image, sizeof(image) };
	start();
	enter_at(program_xmm);
	context->regs.rdi = 0xcccc;
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(user_fpu_save(context, out), OK);
	EXPECT_EQ(image[160] | image[161] << 8, 0xcccc);
	image[160] = 0xdd;
	EXPECT_EQ(user_fpu_restore(context, (struct cbytes){ image, user_fpu_size() }), OK);
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax, 0xccdd);
	image[160] = 0xee;
	EXPECT_EQ(user_fpu_restore(context, (struct cbytes){ image, 512 }), OK);   /* the legacy part alone */
	EXPECT(user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax, 0xccee);
	EXPECT_TRAP((void)user_fpu_restore(context, (struct cbytes){ (u8 *)8, 512 }));   /* an image that is gone changes nothing */
	image[24] ^= 0xff, image[27] ^= 0xff;                                             /* nor does one that is refused */
	EXPECT_EQ(user_fpu_restore(context, (struct cbytes){ image, 512 }), EINVAL);
	EXPECT(arch_irq_enabled() && user_run(context).kind == USER_SYSCALL);
	EXPECT_EQ(context->regs.rax, 0xccee);
	stop();
}

/** How often the program is interrupted before its system call. */
static u32
interruptions(void)
{
	u32 count = 0;
	while (run(program_syscalls).kind == USER_INTERRUPTED)
		count++;
	return count;
}

static bool
restored_without_a_word(void)
{
	static u8 image[8192];
	EXPECT_EQ(user_fpu_save(context, (struct bytes){ image, sizeof(image) }), OK);
	EXPECT_EQ(user_fpu_restore(context, (struct cbytes){ image, user_fpu_size() }), OK);
	return interruptions() == 0;
}

TEST(a_context_that_asks_for_it_hears_that_its_task_lost_the_cpu)
{
	start();
	context->report_switches = true;
	EXPECT(interruptions() >= 1);   /* it had none yet */
	task_yield();
	EXPECT(interruptions() >= 1);
	AWAIT(restored_without_a_word());
	context->report_switches = false;
	task_yield();
	EXPECT_EQ(interruptions(), 0);
	stop();
}

struct runner { u64 value, slot; struct vm_space *space; struct user_context *context; };
OBJECT_DECLARE(runner);
OBJECT_DEFINE(runner);

/** Runs a program that checks its FPU registers all the time, until it is interrupted. */
static void
runner_run(struct object *arg)
{
	struct runner *self = runner_from(arg);
	struct user_context *mine = self->context;
	vm_space_activate(self->space);
	mine->regs.rip = address_of(program_fpu_check);
	mine->regs.rsp = DATA + 2048 + self->slot * 64;
	mine->regs.rdi = self->value;
	mine->regs.rsi = DATA + self->slot * 64;
	struct user_event event = user_run(mine);
	EXPECT(event.kind == USER_INTERRUPTED ? task_interrupted() : is_exception(event, GP));   /* hostile bases */
	vm_space_activate(nullptr);
	user_context_put(mine);
	runner_put(self);
}

static void
stop_everywhere(void)
{
	vm_space_activate(nullptr);
	spaces_unload();
	stop();
}

static struct task *
runner_start(u32 slot, struct user_context **made)
{
	struct runner *runner = runner_alloc();
	struct task *task = nullptr;
	*made = start_context();
	user_context_get(*made);
	runner->value = 0x1000 + slot, runner->slot = slot, runner->space = space, runner->context = *made;
	EXPECT_EQ(task_create(runner_run, runner_object(runner), TEXT("runner"), &task), OK);
	EXPECT_EQ(task_start(task), OK);
	return task;
}

static void
runner_stop(struct task *task, struct user_context *its)
{
	task_interrupt(task);
	EXPECT_EQ(task_join(task, TIME_NEVER), OK);
	EXPECT_EQ(task_ended(task), TASK_RETURNED);
	EXPECT(task_times(task).user_ns > 0);
	task_put(task);
	user_context_put(its);
}

static u64
counter_read(u64 slot)
{
	u64 value = 0;
	size_t done;
	EXPECT_EQ(user_read((struct bytes){ (u8 *)&value, sizeof(value) }, UADDR(DATA + slot * 64), &done), OK);
	return value;
}

TEST(programs_that_never_call_are_preempted_and_can_be_interrupted_and_keep_their_fpu_state)
{
	enum : u32 { RUNNERS = 6 };
	struct task *tasks[RUNNERS] = {};
	struct user_context *contexts[RUNNERS] = {};
	start();
	for (u32 i = 0; i < RUNNERS; i++)
		tasks[i] = runner_start(i, &contexts[i]);
	u64 until = clock_now() + 60 * NS_PER_SEC;
	for (u32 i = 0; i < RUNNERS; i++)
		for (u64 seen = 0, rounds = 0; rounds < 3 && clock_now() < until;) {
			u64 now = counter_read(i);
			rounds += now != seen;
			seen = now;
			EXPECT_EQ(task_sleep_until(clock_now() + 3 * NS_PER_MS, false), OK);
		}
	EXPECT(clock_now() < until);
	for (u32 i = 0; i < RUNNERS; i++)
		runner_stop(tasks[i], contexts[i]);
	stop_everywhere();
}

TEST(a_context_that_runs_is_nobody_elses)
{
	static u8 image[8192];
	struct user_context *its;
	start();
	struct task *task = runner_start(0, &its);
	u64 until = clock_now() + 60 * NS_PER_SEC;
	while (counter_read(0) == 0 && clock_now() < until)
		EXPECT_EQ(task_sleep_until(clock_now() + NS_PER_MS, false), OK);
	EXPECT_TRAP((void)user_run(its));
	EXPECT_TRAP(user_context_copy(context, its));
	EXPECT_TRAP(user_context_copy(its, context));
	EXPECT_TRAP((void)user_fpu_save(its, (struct bytes){ image, sizeof(image) }));
	EXPECT_TRAP((void)user_fpu_restore(its, (struct cbytes){ image, sizeof(image) }));
	EXPECT_TRAP(user_fpu_reset(its));
	runner_stop(task, its);
	stop_everywhere();
}

/** Writes hostile values to a context's registers while another task runs it: each entry takes what it checked. */
TEST(registers_that_change_while_they_are_loaded_are_harmless)
{
	static const u64 hostile[] = { 0, ~(u64)0, (u64)1 << 47, (u64)1 << 63, 0x4000, 0x3000, 0xffffffff80000000, USER_END };
	struct user_context *its;
	start();
	struct task *task = runner_start(0, &its);
	u64 until = clock_now() + 300 * NS_PER_MS;
	for (u32 i = 0; clock_now() < until && task_ended(task) == TASK_ALIVE; i++) {
		its->regs.fs_base = its->regs.gs_base = hostile[i % COUNTOF(hostile)];
		its->regs.rflags = (hostile[i / 3 % COUNTOF(hostile)] & ~(u64)0x100) | 0x40;   /* not the result of its comparison */
		its->regs.rdx = its->regs.r15 = its->regs.rcx = hostile[i / 5 % COUNTOF(hostile)];
		if (i % 64 == 0)
			EXPECT_EQ(task_sleep_until(clock_now() + NS_PER_MS / 4, false), OK);
	}
	its->regs.fs_base = its->regs.gs_base = 0;
	task_interrupt(task);
	EXPECT_EQ(task_join(task, TIME_NEVER), OK);
	task_put(task);
	user_context_put(its);
	stop_everywhere();
}

#ifndef CADRE_HOSTED   /* there a program's interrupts are served once it has left user mode */
static struct sched_policy watcher;
static u32 watched, quiet, elsewhere;   /* the first two: [atomic] */

static u32
new_tasks_elsewhere(struct object *entity, u32 last, enum sched_reason reason)
{
	(void)entity;
	return reason == SCHED_NEW ? elsewhere : last;
}

static bool
enqueue_and_wait(struct object *entity, u32 cpu, enum sched_reason reason)
{
	(void)sched_policy.enqueue(entity, cpu, reason);
	return false;
}

/** No tick but where another CPU has asked for one: after a handler, on the way back to user mode. */
static u64
watch_next_tick(struct object *entity, u32 cpu, u64 now_ns)
{
	bool asked = cpu_table[cpu]->current->in_user && !irq_context();
	__atomic_fetch_add(&watched, asked, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&quiet, __atomic_load_n(&cpu_table[cpu]->rcu_quiet, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
	return asked ? sched_policy.next_tick(entity, cpu, now_ns) : TIME_NEVER;
}

static void nothing(struct object *unused) { (void)unused; }

/** A program runs alone; it gets competitors, for which the policy is asked for a tick once another CPU's interrupt was served. */
TEST(no_policy_is_asked_while_its_cpu_counts_as_quiet)
{
	struct user_context *its;
	if (cpu_count() == 1) {
		test_skip("one CPU");
		return;
	}
	start();
	watcher = sched_policy;
	watcher.select_cpu = new_tasks_elsewhere, watcher.enqueue = enqueue_and_wait, watcher.next_tick = watch_next_tick;
	watched = quiet = 0;
	__atomic_store_n(&sched_policy_active, &watcher, __ATOMIC_SEQ_CST);   /* from here on this task stays on its CPU */
	preempt_disable();
	elsewhere = (this_cpu()->id + 1) % cpu_count();
	preempt_enable();
	struct task *task = runner_start(0, &its), *other = nullptr;
	for (u64 until = clock_now() + 20 * NS_PER_SEC; __atomic_load_n(&watched, __ATOMIC_SEQ_CST) < 3 && clock_now() < until;) {
		EXPECT_EQ(task_sleep_until(clock_now() + 5 * NS_PER_MS, false), OK);   /* alone again, without a tick */
		EXPECT_EQ(task_create(nothing, nullptr, TEXT("other"), &other), OK);
		EXPECT_EQ(task_start(other), OK);
		while (task_join(other, clock_now() + 100 * NS_PER_MS) != OK)
			cpu_reschedule(elsewhere);   /* the program was in the kernel when it was asked */
		task_put(other);
	}
	__atomic_store_n(&sched_policy_active, &sched_policy, __ATOMIC_SEQ_CST);
	EXPECT_EQ(quiet, 0);
	if (watched == 0)
		test_skip("this CPU's competitors were always found otherwise");
	runner_stop(task, its);
	stop_everywhere();
}
#endif
