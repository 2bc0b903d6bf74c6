// SPDX-License-Identifier: MPL-2.0
/**
 * Entering user mode: the loaded space's guest gets the context's registers, and what stops it becomes an event.
 *
 * The context's registers are a service's to write, also while this runs on another CPU. So what the host would refuse is read once,
 * checked, and loaded from the checked copy: rip, rflags and the two bases.
 */
#include <guest.h>
#include <cadre/vm_space.h>

static_assert(USER_END == STUB_BASE);

enum : u64 { FLAGS_USER = 0x250dd5 /* CF PF AF ZF SF TF DF OF RF AC ID */, FLAGS_FORCED = 0x202 };
enum : u32 {
	EXCEPTION_DEBUG = 1, EXCEPTION_PROTECTION = 13, EXCEPTION_PAGE = 14, CALL_X86_64 = 0xc000003e, DR6_STEP = 0x4000, PAGE_WRITE = 2, PAGE_FETCH = 16,
	INT80_ERROR = 0x80 * 8 + 2, INT80_LEN = 2,
};
enum : u64 { VSYSCALL_START = 0xffffffffff600000, VSYSCALL_END = VSYSCALL_START + PAGE_SIZE };

/* Where the frame's registers lie in struct user_regs; rip, rflags and the bases are treated on their own. */
static const struct { u8 from, to; } places[] = {
#define PLACE(guest, name) { guest, __builtin_offsetof(struct user_regs, name) / 8 }
	PLACE(GUEST_R8, r8), PLACE(GUEST_R9, r9), PLACE(GUEST_R10, r10), PLACE(GUEST_R11, r11), PLACE(GUEST_R12, r12), PLACE(GUEST_R13, r13),
	PLACE(GUEST_R14, r14), PLACE(GUEST_R15, r15), PLACE(GUEST_RDI, rdi), PLACE(GUEST_RSI, rsi), PLACE(GUEST_RBP, rbp), PLACE(GUEST_RBX, rbx),
	PLACE(GUEST_RDX, rdx), PLACE(GUEST_RAX, rax), PLACE(GUEST_RCX, rcx), PLACE(GUEST_RSP, rsp),
};

static bool
canonical(u64 address)
{
	return (u64)((i64)(address << 16) >> 16) == address;
}

/* Not instrumented (the two): a service may change the registers of a context that runs, and what comes of it is its affair. */

/** => false: the processor would not take them */
[[clang::disable_sanitizer_instrumentation]] static bool
regs_load(struct guest *guest, const struct user_regs *regs)
{
	const volatile struct user_regs *shared = regs;
	u64 rip = shared->rip, fs_base = shared->fs_base, gs_base = shared->gs_base;
	if (!canonical(rip) || !canonical(fs_base) || !canonical(gs_base))
		return false;
	for (u32 i = 0; i < COUNTOF(places); i++)
		guest->regs[places[i].from] = ((const volatile u64 *)regs)[places[i].to];
	guest->regs[GUEST_RIP] = rip;
	guest->regs[GUEST_RFLAGS] = (shared->rflags & FLAGS_USER) | FLAGS_FORCED;
	guest->slot->fs_base = fs_base;
	guest->slot->gs_base = gs_base;
	return true;
}

[[clang::disable_sanitizer_instrumentation]] static void
regs_save(const struct guest *guest, struct user_regs *regs)
{
	for (u32 i = 0; i < COUNTOF(places); i++)
		((u64 *)regs)[places[i].to] = guest->regs[places[i].from];
	regs->rip = guest->regs[GUEST_RIP];
	regs->rflags = guest->regs[GUEST_RFLAGS];
	regs->fs_base = guest->slot->fs_base;
	regs->gs_base = guest->slot->gs_base;
}

/* --- what there was --- */

static void
page_fault(struct user_event *event, u64 at, enum user_access access, u64 seen)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	*event = (struct user_event){ .kind = USER_PAGE_FAULT, .address = at, .access = access, .present = arch_pte_present(seen) };
	event->error = 4u | (event->present ? 1 : 0) | (access == USER_ACCESS_WRITE ? PAGE_WRITE : access == USER_ACCESS_EXEC ? PAGE_FETCH : 0);
	/* The kernel will map it: it is translated before the program goes on, which saves it another fault. */
	arch->missed = at;
	arch->missed_access = access;
	arch->missed_root = arch->root_pa;
}

/** => whether it was only a translation that the guest did not have */
static bool
fault_decode(struct guest *guest, struct user_event *event)
{
	u64 error = guest->regs[GUEST_ERROR], at = guest->regs[GUEST_CR2], seen;
	enum user_access access = (error & PAGE_FETCH) != 0 ? USER_ACCESS_EXEC : (error & PAGE_WRITE) != 0 ? USER_ACCESS_WRITE : USER_ACCESS_READ;
	if (mirror_miss(guest, at, access, &seen))
		return true;
	page_fault(event, at, access, seen);
	return false;
}

/** A system call; one of 32 bits, which there is none of; or a call of the host's old page of system calls, which there is none of either. */
static void
call_decode(struct guest *guest, struct user_event *event)
{
	if (guest->call_arch != CALL_X86_64) {
		guest->regs[GUEST_RIP] -= INT80_LEN;
		*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = EXCEPTION_PROTECTION, .error = INT80_ERROR };
	} else if (guest->call_at >= VSYSCALL_START && guest->call_at < VSYSCALL_END) {
		guest->regs[GUEST_RIP] = guest->call_at;
		guest->regs[GUEST_RSP] -= 8;   /* the host has returned from it */
		page_fault(event, guest->call_at, USER_ACCESS_EXEC, 0);
	} else {
		event->kind = USER_SYSCALL;
	}
}

/**
 * RDTSC and RDTSCP, which fault where time is virtual: they read the virtual clock, a tick a nanosecond, of CPU 0. => false: it was neither.
 */
static bool
counter_read(struct guest *guest)
{
	static const u8 texts[][3] = { { 0x0f, 0x31 }, { 0x0f, 0x01, 0xf9 } };
	u64 at = guest->regs[GUEST_RIP], seen, len = 2;
	for (u64 i = 0; i < len; i++) {
		u64 pte = mirror_walk(at + i, USER_ACCESS_EXEC, &seen);
		u8 byte = pte == 0 ? 0 : ((const u8 *)phys_to_virt(arch_pte_pa(pte)))[(at + i) % PAGE_SIZE];
		if (i == 1 && byte == texts[1][1])
			len = 3;
		if (byte != texts[len - 2][i])
			return false;
	}
	seeded_pass(SEEDED_CLOCK_NS);
	u64 now = seeded_clock();
	guest->regs[GUEST_RAX] = (u32)now;
	guest->regs[GUEST_RDX] = now >> 32;
	if (len == 3)
		guest->regs[GUEST_RCX] = 0;
	guest->regs[GUEST_RIP] += len;
	return true;
}

/** => false: nothing that concerns the kernel; the program goes on */
static bool
event_decode(struct guest *guest, struct user_event *event)
{
	u64 trap = guest->regs[GUEST_TRAP];
	switch (guest->signal) {
	case HOST_SIGUSR1: return true;   /* USER_INTERRUPTED */
	case HOST_SIGSYS: call_decode(guest, event); return true;
	}
	if (trap == EXCEPTION_PAGE && guest->signal == HOST_SIGBUS)
		guest_impossible(TEXT("it has no memory left"), 0);
	if (trap == EXCEPTION_PAGE)
		return !fault_decode(guest, event);
	if (hosted_seeded && trap == EXCEPTION_PROTECTION && counter_read(guest))
		return false;
	*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = (u8)trap, .error = (u32)guest->regs[GUEST_ERROR] };
	if (trap == EXCEPTION_DEBUG)
		event->error = DR6_STEP;
	return true;
}

/* --- entering --- */

/** The page that the last fault here was about has been mapped, most likely. */
static void
missed_translate(struct guest *guest)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	u64 seen;
	if (arch->missed_root == arch->root_pa && arch->missed_root != 0)
		(void)mirror_miss(guest, arch->missed, arch->missed_access, &seen);
	arch->missed_root = 0;
}

void
arch_user_enter(struct user_context *context, struct user_event *event)
{
	struct guest *guest = guest_here();
	enum guest_stop stop;
	hosted_uart_flush();
	if (hosted_seeded)
		seeded_pass(SEEDED_USER_NS);
	seeded_user(TEXT("user"), &context->regs, 0);
	if (!regs_load(guest, &context->regs)) {
		*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = EXCEPTION_PROTECTION };
		return;
	}
	if (guest->regs[GUEST_RIP] >= USER_END)
		return page_fault(event, guest->regs[GUEST_RIP], USER_ACCESS_EXEC, 0);
	fpu_enter(guest);
	missed_translate(guest);
	*event = (struct user_event){ .kind = USER_INTERRUPTED };
	bool ran = false;
	while ((stop = guest_run(guest)) == GUEST_STOPPED && (ran = true) && !event_decode(guest, event))
		;
	if (stop == GUEST_DIED)
		*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = EXCEPTION_PROTECTION };
	else if (ran)
		regs_save(guest, &context->regs);
	seeded_user(TEXT("kernel"), &context->regs, event->kind);
	if (event->kind == USER_INTERRUPTED)
		hosted_interrupts_take();
}
