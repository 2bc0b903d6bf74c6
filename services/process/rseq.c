// SPDX-License-Identifier: MPL-2.0
/**
 * rseq(2): restartable sequences. A thread's area in user memory says which CPU it is on, and names the critical section that it is in, if
 * any: whenever the thread has been off its CPU, or a handler is to run, it goes on at that section's abort address instead.
 *
 * user_run comes back each time that a thread with an area has lost its CPU (report_switches), so the way of a system call knows nothing of this.
 * Sources: rseq(2), linux/rseq.h; as Linux 6.1: 32 bytes, without the fields behind `flags`.
 */
#include "process_impl.h"

#include <cadre/cpu.h>

enum : u32 { RSEQ_FLAG_UNREGISTER = 1 };
enum : u32 { RSEQ_CPU_ID_UNINITIALIZED = ~(u32)0 };

/** The area. */
struct rseq_area { u32 cpu_id_start, cpu_id; u64 critical; u32 flags, pad[3]; };
enum : u64 { RSEQ_SIZE = 32, RSEQ_ALIGN = 32, RSEQ_CRITICAL = 8, RSEQ_FLAGS = 16 };
static_assert(sizeof(struct rseq_area) == RSEQ_SIZE);

/** A critical section: [start, start + length) commits with its last instruction; not within it lies where it goes on when it is aborted. */
struct rseq_section { u32 version, flags; u64 start, length, abort; };

/* --- critical sections --- */

static bool
section_holds(const struct rseq_section *scoped section, u64 rip)
{
	return rip - section->start < section->length;
}

/** Before the abort address stands the signature: nobody is sent anywhere else. */
static err_t
section_check(const struct rseq_section *scoped section, u32 signature)
{
	u32 found = 0;
	if (section->version != 0 || section->start >= USER_END || section->abort >= USER_END)
		return EINVAL;
	if (range_exceeds(section->start, section->length, USER_END - 1) || section_holds(section, section->abort))
		return EINVAL;
	TRY(copy_in_value(found, UADDR(section->abort - sizeof(found))));
	return found == signature ? OK : EINVAL;
}

/** Out of the critical section that the area names. What stands there without being in force is forgotten. => EFAULT, EINVAL */
static err_t
section_abort(struct thread *thread, u64 at)
{
	struct user_regs *regs = &thread->user->regs;
	struct rseq_section section = {};
	u64 none = 0;
	u32 flags = 0;
	TRY(copy_in_value(section, UADDR(at)));
	TRY(section_check(&section, thread->rseq_signature));
	bool inside = section_holds(&section, regs->rip);
	if (inside)
		TRY(copy_in_value(flags, UADDR(thread->rseq.raw + RSEQ_FLAGS)));
	/* Those that are known ask for sections that go on, which no kernel has done since 6.1. */
	if (inside && (section.flags != 0 || flags != 0))
		return EINVAL;
	TRY(copy_out_value(UADDR(thread->rseq.raw + RSEQ_CRITICAL), none));
	if (inside)
		regs->rip = section.abort;
	return OK;
}

/** One copy where the thread is in no section and on the CPU that it was on, as after most switches. */
static err_t
area_update(struct thread *thread)
{
	struct { u32 cpus[2]; u64 critical; } area = {};
	TRY(copy_in_value(area, thread->rseq));
	if (area.critical != 0)
		TRY(section_abort(thread, area.critical));
	preempt_disable();
	u32 cpu = cpu_current();
	preempt_enable();
	if (area.cpus[0] == cpu && area.cpus[1] == cpu)
		return OK;
	area.cpus[0] = area.cpus[1] = cpu;
	return copy_out_value(thread->rseq, area.cpus);
}

void
rseq_update(struct thread *thread)
{
	if (area_update(thread) == OK)
		return;
	/* No handler could run either. */
	signal_reset_handler(SIGSEGV);
	signal_force(SIGSEGV, SI_KERNEL, 0);
}

/* --- registration --- */

static void
rseq_set(struct thread *thread, uaddr_t area, u32 signature)
{
	thread->rseq = area;
	thread->rseq_signature = signature;
	thread->user->report_switches = area.raw != 0;
}

void
rseq_fork(struct thread *thread, const struct thread *parent)
{
	rseq_set(thread, parent->rseq, parent->rseq_signature);
}

void
rseq_exec(struct thread *thread)
{
	rseq_set(thread, UADDR(0), 0);
}

static err_t
rseq_unregister(struct thread *thread, uaddr_t at, u32 len, u32 signature)
{
	u32 cpus[2] = { 0, RSEQ_CPU_ID_UNINITIALIZED };
	if (thread->rseq.raw != at.raw || at.raw == 0 || len != RSEQ_SIZE)
		return EINVAL;
	if (thread->rseq_signature != signature)
		return EPERM;
	TRY(copy_out_value(at, cpus));
	rseq_set(thread, UADDR(0), 0);
	return OK;
}

err_t
sys_rseq(uaddr_t at, u32 len, u32 flags, u32 signature)
{
	struct thread *thread = thread_current();
	if (flags == RSEQ_FLAG_UNREGISTER)
		return rseq_unregister(thread, at, len, signature);
	if (flags != 0)
		return EINVAL;
	if (thread->rseq.raw != 0) {
		if (thread->rseq.raw != at.raw || len != RSEQ_SIZE)
			return EINVAL;
		return thread->rseq_signature != signature ? EPERM : EBUSY;
	}
	if (at.raw % RSEQ_ALIGN != 0 || len != RSEQ_SIZE)
		return EINVAL;
	if (range_exceeds(at.raw, len, USER_END))
		return EFAULT;
	rseq_set(thread, at, signature);
	rseq_update(thread);
	return OK;
}
