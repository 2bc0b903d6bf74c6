// SPDX-License-Identifier: MPL-2.0
/**
 * Entering user mode, and what an event there was.
 *
 * The context's registers are a service's to write, also while this runs on another CPU. So what the processor
 * would fault on is read once, checked, and loaded from the checked copy: rip, rflags and the two bases. Selectors
 * are constants. General registers and rsp are loaded as they are, since any value does.
 */
#include <cadre/user.h>
#include <cadre/vm_space.h>
#include <asm.h>
#include <trap.h>
#include <x86.h>

enum : u64 {
	FLAG_TF = 1 << 8, FLAG_RF = 1 << 16, FLAG_ALWAYS = 1 << 1,
	FLAGS_USER = 0x250dd5,   /* CF PF AF ZF SF TF DF OF RF AC ID: not IOPL, NT, VM, VIF, VIP */
	DR6_CLEAR = 0xffff0ff0, USER_HALF = (u64)1 << 47,
};

u64 x86_user_enter(struct user_regs *regs, u64 rip, u64 rflags, bool quick);

/** The other ways in: loads the bases unless the CPU has them. => false: they, or rip, are such that the processor would fault. */
[[gnu::noinline]] static bool
enter_check(struct arch_cpu *arch, struct user_context *context, u64 rip, u64 fs_base, u64 gs_base)
{
	/* Bits 63 … 47 of each must be alike. */
	if (((rip + USER_HALF) | (fs_base + USER_HALF) | (gs_base + USER_HALF)) >> 48 != 0)
		return false;
	if (arch->bases_of == context && arch->fs_base == fs_base && arch->gs_base == gs_base)
		return true;
	/* SAFETY: both are canonical. The kernel does not use FS; the user's GS base waits in KERNEL_GS_BASE for
	 * swapgs. */
	msr_write(MSR_FS_BASE, fs_base);
	msr_write(MSR_KERNEL_GS_BASE, gs_base);
	arch->bases_of = context;
	arch->fs_base = fs_base;
	arch->gs_base = gs_base;
	return true;
}

[[gnu::noinline]] static void
event_decode(u64 result, struct user_event *event)
{
	u32 vector = (u32)result, error = (u32)(result >> 32);
	*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = (u8)vector, .error = error };
	/* Where AC was set in user mode, gates have not cleared it, other than a system call (FMASK). */
	user_access_close();
	if (vector == EXCEPTION_PAGE) {
		event->kind = USER_PAGE_FAULT;
		event->address = cr2_read();
		event->present = (error & PAGE_PRESENT) != 0;
		event->access = (error & PAGE_FETCH) != 0 ? USER_ACCESS_EXEC :
		                (error & PAGE_WRITE) != 0 ? USER_ACCESS_WRITE : USER_ACCESS_READ;
	} else if (vector == EXCEPTION_DEBUG) {
		event->error = (u32)dr6_read();
		/* SAFETY: resets what the last debug exception was; no breakpoint is ever set. */
		dr6_write(DR6_CLEAR);
	} else if (vector >= EXCEPTION_COUNT) {
		event->kind = USER_INTERRUPTED;
		x86_interrupt(vector, false);
	}
}

void
arch_user_enter(struct user_context *context, struct user_event *event)
{
	struct user_regs *regs = &context->regs;
	const volatile struct user_regs *shared = regs;
	u64 rip = shared->rip, rflags = (shared->rflags & FLAGS_USER) | X86_RFLAGS_IF | FLAG_ALWAYS;
	u64 fs_base = shared->fs_base, gs_base = shared->gs_base;
	struct arch_cpu *arch = &this_cpu()->arch;
	/* The bases are loaded, for this very context: a program can change them by loading a selector. And rcx and r11 may hold rip and rflags. */
	bool quick = arch->bases_of == context && arch->fs_base == fs_base && arch->gs_base == gs_base && rip < USER_END &&
	             (rflags & (FLAG_TF | FLAG_RF)) == 0 && regs->rcx == rip && regs->r11 == rflags;
	if (!quick && !enter_check(arch, context, rip, fs_base, gs_base)) {
		*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = EXCEPTION_PROTECTION };
		return;
	}
	/* SAFETY: iret and sysret cannot fault: 1. the selectors are of present user segments (cpu.c); 2. rip is
	 * canonical, for sysret in the lower half; 3. of rflags only the user's bits are set; 4. interrupts are
	 * off, so what was checked is what is used. */
	u64 result = x86_user_enter(regs, rip, rflags, quick);
	if (result == VECTOR_SYSCALL)
		*event = (struct user_event){ .kind = USER_SYSCALL };
	else
		event_decode(result, event);
}
