// SPDX-License-Identifier: MPL-2.0
/**
 * Exceptions and interrupts in kernel mode: caught by a fixup, contained as a service's trap, or fatal.
 *
 * | exception | verdict |
 * | --- | --- |
 * | #UD of a check the compiler made (`ud1` with its kind, kCFI's `ud2`), #DE | service trap |
 * | #PF at an address in the table of fixups (copy.S) | goes on there; user addresses only, but for x86_safe_read |
 * | #PF below USER_END, in the last page (a null function's type), in a heap window, a stack's guard | service trap |
 * | #DF with a stack's guard in CR2: the frame of a #PF there had no room | service trap; panic: section_cut |
 * | anything else | panic with registers |
 *
 * A service trap under a raw lock is the framework's own failure and fatal: debug/contain.c.
 */
#include <cadre/vm_space.h>
#include <debug/debug.h>
#include <mm/mm.h>
#include <task/task_impl.h>
#include <trap.h>
#include <x86.h>

#define STACK_OVERFLOW "kernel stack overflow"

struct fixup { u64 at, resume, any; };
extern const struct fixup __start_fixups[], __stop_fixups[];
extern const u8 x86_boot_stacks[];

bool x86_stop_all;

/** For a report: in the order of struct x86_frame. */
static const char *const register_names[] = {
	"r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rbp", "rdi", "rsi", "rdx", "rcx", "rbx", "rax",
	"vector", "error", "rip", "cs", "rflags", "rsp", "ss",
};
static_assert(COUNTOF(register_names) * sizeof(u64) == sizeof(struct x86_frame));

static const char *const exception_names[EXCEPTION_COUNT] = {
	"division by zero or overflow", "debug exception", "non-maskable interrupt", "breakpoint", "overflow",
	"bound range exceeded", "invalid opcode", "FPU not available", "double fault", nullptr,
	"invalid task state segment", "segment not present", "stack segment fault", "general protection fault",
	"page fault", nullptr, "x87 exception", "alignment check", "machine check", "SIMD exception",
	"virtualisation exception", "control protection exception",
};

const char *
x86_check_name(u32 kind)
{
	/* Order of clang's list of sanitizer handlers; test/trap_test.c checks those in use against this compiler. */
	static const char *const names[] = {
		[0] = "signed overflow in an addition", [1] = "unreachable code reached",
		[3] = "division by zero or overflow", [10] = "invalid value of a bool or enum",
		[11] = "end of a function without a return", [12] = "signed overflow in a multiplication",
		[13] = "signed overflow in a negation", [18] = "array index out of bounds", [19] = "pointer overflow",
		[20] = "shift out of bounds", [21] = "signed overflow in a subtraction",
		[22] = "null or misaligned pointer",
	};
	return kind < COUNTOF(names) && names[kind] != nullptr ? names[kind] : "check failed";
}

/** What an invalid opcode means; null: nothing that a compiler makes. */
static const char *
opcode_name(u64 pc)
{
	u64 code = 0;
	if (!x86_safe_read(pc, &code))
		return nullptr;
	if ((code & 0xffffffff) == 0x40b90f67)       /* ud1l kind(%eax), %eax */
		return x86_check_name(code >> 32 & 0xff);
	if ((code & 0xffffffff) == 0x00b90f67)       /* ud1l (%eax), %eax */
		return x86_check_name(0);
	if ((code & 0xffff) == 0x0b0f)               /* ud2 */
		return "indirect call to a function of another type";
	return nullptr;
}

/** Whether it is the guard of a task's stack, or of the one that the boot CPU starts and idles on (head.S). */
static bool
guard_hit(u64 address)
{
	return stack_guard_hit(address) || address - (u64)x86_boot_stacks < PAGE_SIZE;
}

static const char *
page_fault_name(u64 address, u64 error)
{
	if (guard_hit(address))
		return STACK_OVERFLOW;
	if ((error & PAGE_FETCH) != 0)
		return nullptr;
	if (address < USER_START || address >= (u64)-PAGE_SIZE)
		return "null pointer";
	if (address < USER_END)
		return "user memory accessed through a pointer";
	return heap_window_hit(address) ? "access to memory of no object" : nullptr;
}

[[noreturn]] static void
trap_report(const struct x86_frame *frame, const char *service_fault, u64 address)
{
	const char *name = frame->vector < EXCEPTION_COUNT ? exception_names[frame->vector] : nullptr;
	struct kernel_trap trap = {
		.what = service_fault != nullptr ? service_fault : name != nullptr ? name : "unknown exception",
		.pc = frame->rip, .fp = frame->rbp, .sp = frame->rsp, .address = address, .error = frame->error,
		.from_service_fault = service_fault != nullptr,
		.regs = &frame->r15, .nregs = COUNTOF(register_names), .reg_names = register_names,
	};
	trap_in_kernel(&trap);
}

static bool
fixup_find(struct x86_frame *frame, u64 address)
{
	bool user = frame->vector == EXCEPTION_PAGE && address < USER_END;
	for (const struct fixup *fixup = __start_fixups; fixup < __stop_fixups; fixup++)
		if (fixup->at == frame->rip && (fixup->any != 0 || user)) {
			frame->rip = fixup->resume;
			return true;
		}
	return false;
}

/**
 * Whether a stack ran out inside a section of the framework's that has interrupts off: that cannot be abandoned half
 * way.
 */
static bool
section_cut(const struct x86_frame *frame)
{
	const struct cpu *cpu = this_cpu();
	const struct task *task = cpu->current;
	bool service_may = (frame->rflags & X86_RFLAGS_IF) != 0 || cpu->irq_depth != 0 ||
	                   task == nullptr || task->nirq != 0;
	return !service_may && (task->contain == nullptr || task->contain->irqs_on);
}

static void
exception(struct x86_frame *frame)
{
	u64 vector = frame->vector, address = vector == EXCEPTION_PAGE || vector == EXCEPTION_DOUBLE ? cr2_read() : 0;
	const char *service_fault = nullptr;
	if ((vector == EXCEPTION_PAGE || vector == EXCEPTION_PROTECTION) && fixup_find(frame, address))
		return;
	if (vector == EXCEPTION_PAGE)
		service_fault = page_fault_name(address, frame->error);
	else if (vector == EXCEPTION_DOUBLE && guard_hit(address) && !section_cut(frame))
		service_fault = STACK_OVERFLOW;
	else if (vector == EXCEPTION_OPCODE)
		service_fault = opcode_name(frame->rip);
	else if (vector == EXCEPTION_DIVIDE)
		service_fault = exception_names[EXCEPTION_DIVIDE];
	trap_report(frame, service_fault, address);
}

void
x86_interrupt(u32 vector, bool preemptible)
{
	if (vector == VECTOR_SPURIOUS || (vector >= VECTOR_PIC && vector < VECTOR_PIC + 16))
		return;   /* nothing is in service */
	interrupt_enter();
	if (vector >= VECTOR_IPI)
		apic_eoi();
	if (vector == VECTOR_TIMER)
		clock_interrupt();
	else if (vector >= VECTOR_IPI && vector <= VECTOR_IPI + IPI_STOP)
		ipi_dispatch(vector - VECTOR_IPI);
	else if (vector - ARCH_IRQ_VECTOR_BASE < ARCH_IRQ_VECTORS)
		irq_dispatch(vector);
	interrupt_exit(preemptible);
}

void
x86_trap(struct x86_frame *frame)
{
	/* SMAP stays on in handlers whatever was interrupted: neither gate nor user mode clears AC. */
	user_access_close();
	if (frame->vector >= EXCEPTION_COUNT)
		x86_interrupt((u32)frame->vector, (frame->rflags & X86_RFLAGS_IF) != 0);
	else if (frame->vector == EXCEPTION_NMI && __atomic_load_n(&x86_stop_all, __ATOMIC_ACQUIRE))
		arch_stop();
	else
		exception(frame);
}

/* --- back traces --- */

u32
arch_backtrace(u64 fp, u64 *out, u32 max)
{
	u64 at = fp != 0 ? fp : (u64)__builtin_frame_address(0), n = 0;
	while (n < max) {
		u64 next = 0, pc = 0;
		/* SAFETY: x86_safe_read takes any address. Frames go upwards, so this ends. */
		if (at % 8 != 0 || at < USER_END || !x86_safe_read(at, &next) || !x86_safe_read(at + 8, &pc) || pc == 0)
			break;
		out[n++] = pc;
		if (next <= at)
			break;
		at = next;
	}
	return (u32)n;
}
