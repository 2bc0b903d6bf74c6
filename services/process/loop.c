// SPDX-License-Identifier: MPL-2.0
/**
 * The loop of a user thread: user mode until something happens, then what that needs.
 *
 * The way of a system call takes no lock, allocates nothing and writes to the thread's own lines alone.
 */
#include "process_impl.h"

#include <cadre/contain.h>
#include <syscall.h>

/** Exceptions of the processor (Intel SDM 3A, 6.15) as signals, as Linux numbers them. */
struct exception_signal {
	u32 signal;                     /* 0: none that user mode can raise */
	i32 code;
	bool address;                   /* si_addr is the instruction's */
	bool fpu;                       /* the code is found in the FPU's state */
};
enum : i32 { ILL_OPERAND = 2, FPE_DIVIDE = 3, FPE_OVERFLOW = 4, FPE_UNDERFLOW = 5, FPE_INEXACT = 6 };

static const struct exception_signal exception_signals[32] = {
	[0] = { SIGFPE, FPE_INTDIV, true, false },
	[1] = { SIGTRAP, TRAP_TRACE, true, false },
	[3] = { SIGTRAP, SI_KERNEL, false, false },
	[4] = { SIGSEGV, SI_KERNEL, false, false },
	[5] = { SIGSEGV, SI_KERNEL, false, false },
	[6] = { SIGILL, ILL_OPERAND, true, false },
	[7] = { SIGSEGV, SI_KERNEL, false, false },
	[10] = { SIGSEGV, SI_KERNEL, false, false },
	[11] = { SIGBUS, SI_KERNEL, false, false },
	[12] = { SIGBUS, SI_KERNEL, false, false },
	[13] = { SIGSEGV, SI_KERNEL, false, false },
	[16] = { SIGFPE, 0, true, true },
	[17] = { SIGBUS, BUS_ADRALN, false, false },
	[19] = { SIGFPE, 0, true, true },
	[21] = { SIGSEGV, SI_KERNEL, false, false },
};

/** What of the FXSAVE image tells which floating point exception it was (Intel SDM 1, 10.5.1). */
struct fpu_head { u16 control, status; u32 tag_opcode; u64 rip, rdp; u32 mxcsr, mxcsr_mask; };

/** => 0: none is pending after all: the program goes on. */
static i32
fpu_signal_code(struct user_context *user, u8 vector)
{
	REF_SCOPE(byte_array, image);
	struct fpu_head head = {};
	image = byte_array_alloc(user_fpu_size());
	if (image == nullptr || user_fpu_save(user, byte_array_bytes(image)) != OK)
		return FPE_FLTINV;
	bytes_copy(BYTES_OF(head), bytes_const(bytes_sub(byte_array_bytes(image), 0, sizeof(head))));
	u32 raised = vector == 16 ? head.status & ~(u32)head.control : head.mxcsr & ~(head.mxcsr >> 7);
	if ((raised & 1) != 0)
		return FPE_FLTINV;
	if ((raised & 4) != 0)
		return FPE_DIVIDE;
	if ((raised & 8) != 0)
		return FPE_OVERFLOW;
	if ((raised & 0x12) != 0)
		return FPE_UNDERFLOW;
	return (raised & 0x20) != 0 ? FPE_INEXACT : 0;
}

static void
exception_raise(struct thread *thread, const struct user_event *scoped event)
{
	const struct exception_signal *what = ELEM(exception_signals, event->vector % COUNTOF(exception_signals));
	i32 code = what->fpu ? fpu_signal_code(thread->user, event->vector) : what->code;
	if (what->fpu && code == 0)
		return;
	signal_fault_context(event->vector, event->error, 0);
	if (what->signal != 0)
		signal_force(what->signal, code, what->address ? thread->user->regs.rip : 0);
	else
		signal_force(SIGSEGV, SI_KERNEL, 0);
}

static void
fault_tell(const struct user_event *scoped event, const struct vm_fault *scoped fault)
{
	enum : u32 { TRAP_PAGE_FAULT = 14 };
	signal_fault_context(TRAP_PAGE_FAULT, event->error, event->address);
	signal_force(fault->signal, fault->code, event->address);
}

static void
fault_serve(struct thread *thread, const struct user_event *scoped event)
{
	struct vm_fault fault = {};
	err_t err = vm_map_fault(thread_own_map(thread), UADDR(event->address), event->access, &fault);
	if (err == OK)
		atomic64_store_relaxed(&thread->faults_minor, atomic64_load_relaxed(&thread->faults_minor) + 1);
	else if (fault.signal != 0)
		fault_tell(event, &fault);
	else if (err == ENOMEM)
		signal_force(SIGKILL, SI_KERNEL, 0);
}

/** The thread was interrupted, or has been off the CPU. A mark that stands for work is taken back by work_serve. */
static void
interrupt_serve(struct thread *thread)
{
	if (atomic32_load_relaxed(&thread->work) == 0)
		task_clear_interrupt();
	if (thread->rseq.raw != 0)
		rseq_update(thread);
}

/** What came back from user mode and is no system call. */
static void
event_serve(struct thread *thread, const struct user_event *scoped event)
{
	thread->syscall = ~(u64)0;
	if (event->kind == USER_PAGE_FAULT)
		fault_serve(thread, event);
	else if (event->kind == USER_EXCEPTION)
		exception_raise(thread, event);
	else
		interrupt_serve(thread);
}

/**
 * Does what thread.work says. => false: the thread is to end.
 * The mark of task_interrupt is taken back before the bits are looked at: who sets a bit from then on sets it again.
 */
static bool
work_serve(struct thread *thread, bool restart)
{
	for (;;) {
		task_clear_interrupt();
		u32 work = atomic32_load(&thread->work);
		if ((work & THREAD_WORK_EXIT) != 0)
			return false;
		if ((work & THREAD_WORK_SIGNAL) == 0 && !restart)
			return true;
		if (thread->rseq.raw != 0)
			rseq_update(thread);
		signal_deliver();
		restart = false;
	}
}

static bool
syscall_serve(struct thread *thread, struct user_context *user)
{
	struct syscall_args args = { { user->regs.rdi, user->regs.rsi, user->regs.rdx, user->regs.r10, user->regs.r8, user->regs.r9 } };
	u64 number = (u64)(i32)user->regs.rax, result = 0;
	u32 work = atomic32_load_relaxed(&thread->work);
	err_t err = OK;
	thread->syscall = number;
	if (__builtin_expect((work & THREAD_WORK_TRACE) != 0, 0))
		syscall_trace_enter(atomic32_load_relaxed(&thread->tid), number, &args);
	(void)syscall_dispatch(number, &args, &err, &result);
	user->regs.rax = err == OK ? result : (u64)-(i64)err;
	work = atomic32_load_relaxed(&thread->work);
	if (__builtin_expect(work == 0 && err < ERESTARTSYS, 1))
		return true;
	if ((work & THREAD_WORK_TRACE) != 0)
		syscall_trace_exit(atomic32_load_relaxed(&thread->tid), number, &args, err, result);
	return work_serve(thread, err >= ERESTARTSYS);
}

/** Until the thread is to end. */
static void
thread_run(struct object *object)
{
	struct thread *thread = thread_from(object);
	struct user_context *user = thread->user;
	vm_map_activate(thread_own_map(thread));
	if (thread->set_child_tid.raw != 0) {
		u32 tid = atomic32_load_relaxed(&thread->tid);
		(void)!copy_out_value(thread->set_child_tid, tid);
	}
	for (bool alive = true; alive;) {
		struct user_event event = user_run(user);
		if (__builtin_expect(event.kind == USER_SYSCALL, 1)) {
			alive = syscall_serve(thread, user);
		} else {
			event_serve(thread, &event);
			alive = atomic32_load_relaxed(&thread->work) == 0 || work_serve(thread, false);
		}
	}
}

/** A kernel bug in the thread's name: its program cannot go on. What the trap left half done is lost; the rest of the machine runs. */
static void
thread_trapped(struct thread *thread)
{
	log_error("process {}: thread {} met a kernel bug; the process is killed", thread->process->pid, atomic32_load(&thread->tid));
	process_group_exit(SIGSEGV);
}

void
thread_body(struct object *object)
{
	struct thread *thread = thread_from(object);
	if (!contain_call(thread_run, object))
		thread_trapped(thread);
	thread_end(thread);
	thread_put(thread);
}
