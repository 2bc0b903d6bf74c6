// SPDX-License-Identifier: MPL-2.0
/**
 * The stub: the program at the top of each address space that user programs run in (stub.h). It has no data of its own and no stack but
 * the slot's. Built apart, linked to STUB_BASE, and embedded in the kernel.
 */
#include "stub.h"

#define SLOT ((struct stub_slot *)STUB_SLOT)
#define STACK_TOP (STUB_SLOT + STUB_SLOT_BYTES)

enum : long {
	CALL_MMAP = 9, CALL_MUNMAP = 11, CALL_SIGACTION = 13, CALL_SIGPROCMASK = 14, CALL_GETPPID = 110, CALL_SIGALTSTACK = 131, CALL_PRCTL = 157,
	CALL_GETTID = 186, CALL_FUTEX = 202, CALL_EXIT_GROUP = 231, CALL_ROBUST_LIST = 273, CALL_SECCOMP = 317,
};

static inline long
call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
	asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return number;
}

/* --- the hand-over --- */

/** Maps and unmaps as the kernel says. */
static void
commands_obey(struct stub_slot *slot)
{
	enum : u64 { SHARED = 1, FIXED = 0x10, POPULATE = 0x8000 };
	slot->failed = 0;
	for (u32 i = 0; i < slot->ncommands && i < STUB_COMMANDS; i++) {
		const struct stub_command *c = &slot->commands[i];
		long got = c->prot != 0 ? call(CALL_MMAP, c->at, c->len, c->prot, SHARED | FIXED | POPULATE, STUB_MEMORY_FD, c->offset) :
		           call(CALL_MUNMAP, c->at, c->len, 0, 0, 0, 0);
		if (got < 0 && got > -4096) {
			slot->failed = (u32)-got;
			return;
		}
	}
}

/** Stopped until the kernel wants the program to go on. */
static void
stop(struct stub_slot *slot)
{
	enum : u64 { WAIT = 0, WAKE = 1 };
	__atomic_store_n(&slot->state, STUB_STOPPED, __ATOMIC_SEQ_CST);
	call(CALL_FUTEX, (u64)&slot->state, WAKE, 1, 0, 0, 0);
	while (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) == STUB_STOPPED)
		call(CALL_FUTEX, (u64)&slot->state, WAIT, STUB_STOPPED, 0, 0, 0);
	commands_obey(slot);
}

/** Of every signal, all others held back. */
static void
handler(int signal, void *info, void *context)
{
	struct stub_slot *slot = SLOT;
	slot->signal = (u32)signal;
	slot->info = (u64)info;
	slot->context = (u64)context;
	asm volatile("rdfsbase %0" : "=r"(slot->fs_base));
	asm volatile("rdgsbase %0" : "=r"(slot->gs_base));
	do {
		stop(slot);
	} while (slot->failed != 0);
	asm volatile("wrfsbase %0" : : "r"(slot->fs_base));
	asm volatile("wrgsbase %0" : : "r"(slot->gs_base));
}

asm(".text\n"
    "handler_return:\n"
    "	movl $15, %eax\n"       /* rt_sigreturn */
    "	syscall\n"
    "	ud2\n");
void handler_return(void);

/* --- starting --- */

static bool
step(struct stub_slot *slot, enum stub_step which, long result)
{
	slot->step = which;
	slot->error = result < 0 ? (u32)-result : 0;
	return result >= 0;
}

static bool
signals_set(struct stub_slot *slot)
{
	enum : u64 { SA_SIGINFO = 4, SA_ONSTACK = 0x08000000, SA_RESTORER = 0x04000000 };
	static const u8 signals[] = { 4 /* ILL */, 5 /* TRAP */, 7 /* BUS */, 8 /* FPE */, 10 /* USR1 */, 11 /* SEGV */, 31 /* SYS */ };
	struct { u64 handler, flags, restorer, mask; } action = { (u64)handler, SA_SIGINFO | SA_ONSTACK | SA_RESTORER, (u64)handler_return, ~(u64)0 };
	struct { u64 sp; u32 flags, pad; u64 size; } stack = { (u64)slot->stack, 0, 0, sizeof(slot->stack) - 1024 /* this function's own */ };
	u64 none = 0;
	bool ok = step(slot, STUB_SIGNALS, call(CALL_SIGALTSTACK, (u64)&stack, 0, 0, 0, 0, 0));
	for (u32 i = 0; ok && i < sizeof(signals); i++)
		ok = step(slot, STUB_SIGNALS, call(CALL_SIGACTION, signals[i], (u64)&action, 0, 8, 0, 0));
	return ok && step(slot, STUB_SIGNALS, call(CALL_SIGPROCMASK, 2, (u64)&none, 0, 8, 0, 0));
}

static bool
counter_hide(struct stub_slot *slot)
{
	enum : u64 { SET_TSC = 26, TSC_FAULTS = 2 };
	return step(slot, STUB_UNTIMED, slot->untimed != 0 ? call(CALL_PRCTL, SET_TSC, TSC_FAULTS, 0, 0, 0, 0) : 0);
}

/** It ends with the kernel, and the kernel learns of its end. */
static bool
ties_set(struct stub_slot *slot)
{
	enum : u64 { SET_PDEATHSIG = 1, KILL = 9 };
	slot->robust = (typeof(slot->robust)){ (u64)&slot->robust_entry, (u64)&slot->state - (u64)&slot->robust_entry, 0 };
	slot->robust_entry = (u64)&slot->robust;
	bool ok = step(slot, STUB_ORPHAN, call(CALL_PRCTL, SET_PDEATHSIG, KILL, 0, 0, 0, 0)) &&
	          step(slot, STUB_ORPHAN, call(CALL_GETPPID, 0, 0, 0, 0, 0, 0) == (long)slot->parent ? 0 : -3) &&
	          step(slot, STUB_ORPHAN, call(CALL_ROBUST_LIST, (u64)&slot->robust, sizeof(slot->robust), 0, 0, 0, 0));
	if (ok)
		__atomic_store_n(&slot->state, STUB_RUNNING | (u32)call(CALL_GETTID, 0, 0, 0, 0, 0, 0), __ATOMIC_SEQ_CST);
	return ok;
}

struct filter { u16 code; u8 yes, no; u32 k; };

/** From now on every system call that is not made here, or not one of the few that are needed here, is a signal. */
static bool
filter_set(struct stub_slot *slot)
{
	enum : u16 { LOAD = 0x20, EQUAL = 0x15, GREATER_EQUAL = 0x35, RETURN = 0x06 };
	enum : u32 { NUMBER = 0, ARCH = 4, IP = 8, IP_HIGH = 12, ALLOW = 0x7fff0000, TRAP = 0x00030000, X86_64 = 0xc000003e };
	enum : u64 { SET_NO_NEW_PRIVS = 38, SET_FILTER = 1, SPECULATION_ALLOWED = 4 };
	static const struct filter filters[] = {
		{ LOAD, 0, 0, ARCH }, { EQUAL, 0, 10, X86_64 },
		{ LOAD, 0, 0, IP_HIGH }, { EQUAL, 0, 8, STUB_BASE >> 32 },
		{ LOAD, 0, 0, IP }, { GREATER_EQUAL, 0, 6, (u32)STUB_BASE }, { GREATER_EQUAL, 5, 0, (u32)(STUB_BASE + STUB_TEXT_BYTES) },
		{ LOAD, 0, 0, NUMBER }, { EQUAL, 4, 0, CALL_FUTEX }, { EQUAL, 3, 0, 15 /* rt_sigreturn */ }, { EQUAL, 2, 0, CALL_MMAP },
		{ EQUAL, 1, 0, CALL_MUNMAP },
		{ RETURN, 0, 0, TRAP }, { RETURN, 0, 0, ALLOW },
	};
	struct { u16 len; const struct filter *filters; } program = { sizeof(filters) / sizeof(filters[0]), filters };
	return step(slot, STUB_FILTER, call(CALL_PRCTL, SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)) &&
	       step(slot, STUB_FILTER, call(CALL_SECCOMP, SET_FILTER, SPECULATION_ALLOWED, (u64)&program, 0, 0, 0));
}

/** What a tracer has it do, with any registers and a stack of its own choice; the trap gives the tracer its turn. */
[[noreturn]] static void
obey(void)
{
	commands_obey(SLOT);
	asm volatile("int3");
	__builtin_trap();
}

/**
 * On the slot's stack. With a filter the trap at the end makes the first signal frame, in which the kernel writes the program's registers;
 * a tracer has them itself.
 */
[[noreturn, gnu::used]] static void
start(void)
{
	struct stub_slot *slot = SLOT;
	bool ok = step(slot, STUB_ALONE, call(CALL_MUNMAP, 0, STUB_BASE, 0, 0, 0, 0)) &&
	          step(slot, STUB_ALONE, call(CALL_MUNMAP, STACK_TOP, STUB_TOP - STACK_TOP, 0, 0, 0, 0)) && signals_set(slot) && counter_hide(slot) &&
	          ties_set(slot) && (slot->filtered == 0 || filter_set(slot)) && step(slot, STUB_READY, 0);
	slot->obey = (u64)obey;
	if (ok && slot->filtered != 0)
		asm volatile("int3");
	if (ok)
		stop(slot);
	call(CALL_EXIT_GROUP, 1, 0, 0, 0, 0, 0);
	__builtin_trap();
}

/** The first argument is where in the memory's file the slot lies, in hexadecimal. */
[[gnu::used]] static void
slot_map(const u64 *stack)
{
	const char *text = (const char *)stack[1];
	u64 offset = 0;
	for (; *text != 0; text++)
		offset = offset << 4 | (u64)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
	long at = call(CALL_MMAP, STUB_SLOT, STUB_SLOT_BYTES, 3, 0x11 /* shared, fixed */, STUB_MEMORY_FD, offset);
	if (at != (long)STUB_SLOT)
		call(CALL_EXIT_GROUP, 2, 0, 0, 0, 0, 0);
}

void _start(void);

[[gnu::naked]] void
_start(void)
{
	asm volatile("movq %rsp, %rdi\n"
	             "call slot_map\n"
	             "movabsq $0x7fffff108000, %rsp\n"   /* STACK_TOP */
	             "call start\n"
	             "ud2");
}
static_assert(STACK_TOP == 0x7fffff108000);
