// SPDX-License-Identifier: MPL-2.0
// Faults and traps of the kernel's own code: host signals become trap_in_kernel, and the vCPUs' wake-up signal the poll for interrupts.
#include <hosted.h>
#include <cpu/cpu.h>
#include <debug/debug.h>
#include <mm/mm.h>

enum : u32 { TRAP_STACK_BYTES = 256 * 1024 };

/* Registers as Linux orders them in a signal frame (asm/sigcontext.h), from byte 40 of ucontext on. */
enum : u32 { REG_RBP = 10, REG_RSP = 15, REG_RIP = 16, REG_ERROR = 19, REG_TRAP = 20, REG_CR2 = 22, NREGS = 23, UCONTEXT_REGS = 5 };
static const char *const reg_names[] = { "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx",
	"rax", "rcx", "rsp", "rip", "rflags" };

/** What clang's ud1 says: its byte operand is the number of the check (SanitizerHandler, clang 22). */
static const char *
check_name(const u8 *pc)
{
	static const struct { u8 kind; const char *name; } checks[] = {
		{ 0, "integer overflow" }, { 1, "unreachable code reached" }, { 3, "division by zero" }, { 10, "invalid bool or enum value" },
		{ 11, "missing return" }, { 12, "integer overflow" }, { 13, "integer overflow" }, { 18, "array index out of bounds" },
		{ 19, "pointer overflow" }, { 20, "shift out of bounds" }, { 21, "integer overflow" }, { 22, "null or misaligned pointer" },
	};
	/* SAFETY: (1) pc is where an instruction has just been fetched; the longest form read here has 5 bytes, and text goes on behind it. */
	if (pc[0] != 0x67 || pc[1] != 0x0f || pc[2] != 0xb9)
		return "invalid instruction";
	for (u32 i = 0; i < COUNTOF(checks); i++)
		if (checks[i].kind == pc[4])
			return checks[i].name;
	return "failed compiler check";
}

static const char *
trap_name(const u64 *regs)
{
	switch (regs[REG_TRAP]) {
	case 0: return "division by zero";
	case 3: return "breakpoint";
	case 6: return check_name((const u8 *)regs[REG_RIP]);
	case 14: return stack_guard_hit(regs[REG_CR2]) ? "stack overflow" : "page fault";
	default: return "general protection fault";
	}
}

/** A compiler's check, a division, or a fault at an address that services can present. */
static bool
from_service(const u64 *regs)
{
	u64 address = regs[REG_CR2];
	if (regs[REG_TRAP] == 14)
		return address < USER_START || heap_window_hit(address) || stack_guard_hit(address);
	return regs[REG_TRAP] == 0 || (regs[REG_TRAP] == 6 && ((const u8 *)regs[REG_RIP])[0] == 0x67);
}

void
hosted_trap(void)
{
	const u64 *regs = this_cpu()->arch.trap_regs;
	u64 address = regs[REG_TRAP] == 14 ? regs[REG_CR2] : 0;
	struct kernel_trap trap = {
		.what = trap_name(regs), .pc = regs[REG_RIP], .fp = regs[REG_RBP], .sp = regs[REG_RSP], .address = address, .error = regs[REG_ERROR],
		.from_service_fault = from_service(regs),
		.regs = regs, .nregs = COUNTOF(reg_names), .reg_names = reg_names,
	};
	trap_in_kernel(&trap);
}

/** Faults: the interrupted code goes on in hosted_trap on its own stack, interrupts off, as from a processor's trap gate. */
[[clang::disable_sanitizer_instrumentation]] static void
fault_handler(int signal, void *info, u64 *context)
{
	(void)info;
	u64 *regs = context + UCONTEXT_REGS;
	struct cpu *cpu = this_cpu();
	if (cpu == nullptr) {
		static const char text[] = "hosted: fault outside of a vCPU\n";
		hosted_write(2, text, sizeof(text) - 1);
		hosted_terminal_restore();
		HOST_CALL(HOST_EXIT_GROUP, 128 + signal);
	}
	arch_irq_disable();
	for (u32 i = 0; i < NREGS; i++)
		cpu->arch.trap_regs[i] = regs[i];
	/* An overflown stack has no room: the signal stack serves, and trap_in_kernel leaves it by its jump. */
	if (stack_guard_hit(regs[REG_CR2]) || stack_guard_hit(regs[REG_RSP] - 512))
		hosted_trap();
	regs[REG_RSP] = ((regs[REG_RSP] - 128) & ~(u64)15);
	regs[REG_RIP] = (u64)hosted_trap_entry;
}

/** The vCPU's attention is wanted. Runs on the stack of whatever task is interrupted, and may switch tasks. */
[[clang::disable_sanitizer_instrumentation]] static void
kick_handler(int signal, void *info, u64 *context)
{
	(void)signal, (void)info, (void)context;
	if (this_cpu() != nullptr && arch_irq_enabled() && hosted_irq_wanted())
		hosted_poll();
}

void
hosted_handler_set(int signal, void (*handler)(int, void *, u64 *), u64 flags)
{
	enum : u64 { SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_NODEFER = 0x40000000 };
	u64 action[4] = { (u64)handler, SA_SIGINFO | SA_RESTORER | SA_NODEFER | flags, (u64)hosted_signal_return, 0 };
	HOST_CALL(HOST_RT_SIGACTION, signal, action, 0, 8);
}

void
hosted_traps_init(void)
{
	enum : u64 { SA_ONSTACK = 0x08000000, SA_RESTART = 0x10000000 };
	static const int faults[] = { HOST_SIGSEGV, HOST_SIGBUS, HOST_SIGILL, HOST_SIGFPE, HOST_SIGTRAP };
	for (u32 i = 0; i < COUNTOF(faults); i++)
		hosted_handler_set(faults[i], fault_handler, SA_ONSTACK);
	hosted_handler_set(HOST_SIGUSR1, kick_handler, SA_RESTART);
	/* Whoever reads what a serial port sends may leave: the port sends into the void then. */
	u64 ignore[4] = { 1 };
	HOST_CALL(HOST_RT_SIGACTION, HOST_SIGPIPE, ignore, 0, 8);
}

void
hosted_trap_stack_init(void)
{
	struct { void *sp; int flags; size_t size; } stack = { .size = TRAP_STACK_BYTES };
	stack.sp = mmap(nullptr, TRAP_STACK_BYTES, HOST_PROT_RW, HOST_MAP_PRIVATE | HOST_MAP_ANONYMOUS, -1, 0);
	HOST_CALL(HOST_SIGALTSTACK, &stack, 0);
}

/* Red zones and reports are ASan's, faults ours; no leak check: the machine is one process that ends. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "handle_segv=0:handle_sigill=0:handle_sigfpe=0:handle_sigbus=0:allow_user_segv_handler=1:use_sigaltstack=0:detect_leaks=0:"
	       "detect_stack_use_after_return=0:abort_on_error=0";
}

const char *__tsan_default_options(void);
const char *
__tsan_default_options(void)
{
	return "handle_segv=0:handle_sigill=0:handle_sigfpe=0:handle_sigbus=0:allow_user_segv_handler=1:use_sigaltstack=0:report_signal_unsafe=0";
}

/*
 * Races that a sequence lock of a service makes harmless: its reader looks again where the sequence has changed. The two of areas are leaves that read
 * by atomics alone; what they meet is the heap, which clears an area that is used anew. (An area's memory stays areas'.)
 */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:^dentry_take_place$\n"   /* rename_sequence: services/fs/dcache.c */
	       "race:^area_seek$\n" "race:^view_of$\n";   /* vm_map.sequence: services/vm/area.c */
}
