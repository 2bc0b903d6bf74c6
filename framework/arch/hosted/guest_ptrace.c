// SPDX-License-Identifier: MPL-2.0
/**
 * Guests whose events their tracer sees, which is the CPU's thread: for hosts that refuse seccomp filters. System calls are emulated by
 * PTRACE_SYSEMU; the stub's own code runs only to obey commands.
 *
 * A tracer is not told what a faulting access was. So a fault where nothing is mapped counts as a read, one at the instruction pointer as
 * an execution, and one where something is as a write: a write to a new page faults twice.
 */
#include <guest.h>
#include <arch/string.h>

enum : long {
	PTRACE_CONT = 7, PTRACE_GETREGS = 12, PTRACE_SETREGS = 13, PTRACE_SYSEMU = 31, PTRACE_GETSIGINFO = 0x4202, PTRACE_GETREGSET = 0x4204,
	PTRACE_SETREGSET = 0x4205, PTRACE_SEIZE = 0x4206, PTRACE_INTERRUPT = 0x4207, PTRACE_GET_SYSCALL_INFO = 0x420e,
};
enum : u64 { OPTION_SYSGOOD = 1, OPTION_EXITKILL = 1 << 20, NT_XSTATE = 0x202, WAIT_ALL = 0x40000000 };
enum : u32 { SIGNAL_CALL = HOST_SIGTRAP | 0x80, STOPPED = 0x7f };
enum : i32 { SI_KERNEL = 0x80, SEGV_UNMAPPED = 1, FPE_DIVIDED = 1, TRAP_STEP = 2, BUS_ALIGNMENT = 1 };

/* struct user_regs_struct of the host, as indices. */
enum : u32 {
	USER_R15, USER_R14, USER_R13, USER_R12, USER_RBP, USER_RBX, USER_R11, USER_R10, USER_R9, USER_R8, USER_RAX, USER_RCX, USER_RDX, USER_RSI,
	USER_RDI, USER_CALL, USER_RIP, USER_CS, USER_RFLAGS, USER_RSP, USER_SS, USER_FS_BASE, USER_GS_BASE, USER_DS, USER_ES, USER_FS, USER_GS,
	USER_REGS,
};

static const struct { u8 host, guest; } places[] = {
	{ USER_R15, GUEST_R15 }, { USER_R14, GUEST_R14 }, { USER_R13, GUEST_R13 }, { USER_R12, GUEST_R12 }, { USER_RBP, GUEST_RBP },
	{ USER_RBX, GUEST_RBX }, { USER_R11, GUEST_R11 }, { USER_R10, GUEST_R10 }, { USER_R9, GUEST_R9 }, { USER_R8, GUEST_R8 },
	{ USER_RAX, GUEST_RAX }, { USER_RCX, GUEST_RCX }, { USER_RDX, GUEST_RDX }, { USER_RSI, GUEST_RSI }, { USER_RDI, GUEST_RDI },
	{ USER_RIP, GUEST_RIP }, { USER_RFLAGS, GUEST_RFLAGS }, { USER_RSP, GUEST_RSP },
};

/** Each guest's, by the number of its slot; made when the guest starts. */
struct traced {
	u64 regs[GUEST_REGS];               /* what guest->regs points to */
	u64 selectors[USER_REGS];           /* the registers that programs do not get to choose, as the host gave them */
	bool fpu_here;                      /* `fpu` is newer than the process' */
	alignas(64) u8 fpu[HOSTED_FPU_MAX];
};

static struct traced *
traced_of(struct guest *guest)
{
	return (struct traced *)((u8 *)guest->regs - __builtin_offsetof(struct traced, regs));
}

static long
trace(long request, struct guest *guest, u64 address, const void *data)
{
	return HOST_CALL(HOST_PTRACE, request, guest->process, address, data);
}

/** The signal that stopped it; 0: it is gone. */
static u32
stop_await(struct guest *guest)
{
	u32 status = 0;
	long got;
	do
		got = HOST_CALL(HOST_WAIT4, guest->process, &status, WAIT_ALL, 0);
	while (got == -HOST_EINTR);
	return got > 0 && (status & 0xff) == STOPPED ? status >> 8 & 0xff : 0;
}

static bool
ptrace_attach(struct guest *guest)
{
	struct traced *traced = guest->regs != nullptr ? traced_of(guest) :
	                        mmap(nullptr, sizeof(*traced), HOST_PROT_RW, HOST_MAP_PRIVATE | HOST_MAP_ANONYMOUS, -1, 0);
	guest->regs = traced->regs;
	traced->fpu_here = false;
	long result = trace(PTRACE_SEIZE, guest, 0, (void *)(OPTION_SYSGOOD | OPTION_EXITKILL));
	guest->slot->error = result < 0 ? (u32)-result : 0;
	if (result < 0)
		return false;
	trace(PTRACE_INTERRUPT, guest, 0, nullptr);
	return stop_await(guest) != 0 && trace(PTRACE_GETREGS, guest, 0, traced->selectors) == 0;
}

/** Lets the stub run until it stops, first as its `obey`. Interrupts that come meanwhile do not get lost: they are pending in the kernel. */
static bool
commands_run(struct guest *guest)
{
	struct traced *traced = traced_of(guest);
	u64 regs[USER_REGS];
	u32 signal;
	memcpy(regs, traced->selectors, sizeof(regs));
	regs[USER_RIP] = guest->slot->obey;
	regs[USER_RSP] = STUB_SLOT + STUB_SLOT_BYTES - 64;
	regs[USER_CALL] = ~(u64)0;
	trace(PTRACE_SETREGS, guest, 0, regs);
	do {
		trace(PTRACE_CONT, guest, 0, nullptr);
		signal = stop_await(guest);
	} while (signal == HOST_SIGUSR1);
	return signal == HOST_SIGTRAP;
}

static void
regs_give(struct guest *guest)
{
	struct traced *traced = traced_of(guest);
	u64 regs[USER_REGS];
	memcpy(regs, traced->selectors, sizeof(regs));
	for (u32 i = 0; i < COUNTOF(places); i++)
		regs[places[i].host] = guest->regs[places[i].guest];
	regs[USER_FS_BASE] = guest->slot->fs_base;
	regs[USER_GS_BASE] = guest->slot->gs_base;
	regs[USER_CALL] = ~(u64)0;   /* not in a system call that would be begun again */
	trace(PTRACE_SETREGS, guest, 0, regs);
	struct { void *at; u64 len; } image = { traced->fpu, arch_fpu_size() };
	if (traced->fpu_here)
		trace(PTRACE_SETREGSET, guest, NT_XSTATE, &image);
	traced->fpu_here = false;
}

static void
regs_take(struct guest *guest, bool call)
{
	u64 regs[USER_REGS];
	trace(PTRACE_GETREGS, guest, 0, regs);
	for (u32 i = 0; i < COUNTOF(places); i++)
		guest->regs[places[i].guest] = regs[places[i].host];
	if (call)
		guest->regs[GUEST_RAX] = regs[USER_CALL];
	guest->slot->fs_base = regs[USER_FS_BASE];
	guest->slot->gs_base = regs[USER_GS_BASE];
}

/** What the host's signal says of the processor's exception. */
static void
trap_decode(struct guest *guest)
{
	struct { i32 signal, error, code, pad; u64 address, rest[13]; } info = {};
	trace(PTRACE_GETSIGINFO, guest, 0, &info);
	u64 trap = 13, error = 0;
	switch (guest->signal) {
	case HOST_SIGILL: trap = 6; break;
	case HOST_SIGFPE: trap = info.code == FPE_DIVIDED ? 0 : 19; break;
	case HOST_SIGTRAP: trap = info.code == TRAP_STEP ? 1 : 3; break;
	case HOST_SIGBUS: trap = info.code == BUS_ALIGNMENT ? 17 : info.code == SI_KERNEL ? 12 : 14; break;
	case HOST_SIGSEGV:
		trap = info.code == SI_KERNEL ? 13 : 14;
		error = info.address == guest->regs[GUEST_RIP] ? 16 : info.code == SEGV_UNMAPPED ? 0 : 2;
		break;
	}
	guest->regs[GUEST_TRAP] = trap;
	guest->regs[GUEST_ERROR] = error;
	guest->regs[GUEST_CR2] = info.address;
}

static void
call_decode(struct guest *guest)
{
	struct { u8 op, pad[3]; u32 arch; u64 at, rest[10]; } info = {};
	trace(PTRACE_GET_SYSCALL_INFO, guest, sizeof(info), &info);
	guest->signal = HOST_SIGSYS;
	guest->call_arch = info.arch;
	guest->call_at = info.at;
}

static enum guest_stop
ptrace_run(struct guest *guest)
{
	guest->slot->failed = 0;
	bool alive = guest->slot->ncommands == 0 || commands_run(guest);
	if (alive && guest->slot->failed != 0)
		return GUEST_STOPPED;
	if (alive) {
		regs_give(guest);
		trace(PTRACE_SYSEMU, guest, 0, nullptr);
		guest->signal = stop_await(guest);
	}
	if (!alive || guest->signal == 0) {
		guest_end(guest);
		return GUEST_DIED;
	}
	bool call = guest->signal == SIGNAL_CALL;
	regs_take(guest, call);
	if (call)
		call_decode(guest);
	else if (guest->signal != HOST_SIGUSR1)
		trap_decode(guest);
	return GUEST_STOPPED;
}

static u8 *
ptrace_fpu(struct guest *guest)
{
	struct traced *traced = traced_of(guest);
	struct { void *at; u64 len; } image = { traced->fpu, sizeof(traced->fpu) };
	if (!traced->fpu_here && trace(PTRACE_GETREGSET, guest, NT_XSTATE, &image) < 0)
		return nullptr;
	traced->fpu_here = true;
	return traced->fpu;
}

const struct guest_backend guest_ptrace = { .name = "ptrace", .attach = ptrace_attach, .run = ptrace_run, .fpu = ptrace_fpu };
