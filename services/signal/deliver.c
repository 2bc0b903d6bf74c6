// SPDX-License-Identifier: MPL-2.0
/**
 * Delivery: what a thread does about its signals on its way to user mode.
 *
 * Source: signal(7). A system call that a signal cut short says by its error what becomes of it:
 *
 *	error                   no handler runs      a handler runs
 *	ERESTARTSYS             again                EINTR; again with SA_RESTART
 *	ERESTARTNOINTR          again                again
 *	ERESTARTNOHAND          again                EINTR
 *	ERESTART_RESTARTBLOCK   restart_syscall(2)   EINTR
 */
#include <cadre/log.h>

#include <session.h>

#include "signal_impl.h"

enum : u64 { SYSCALL_NONE = ~(u64)0, SYSCALL_RESTART = 219, SYSCALL_LENGTH = 2, ERROR_MAX = 4095 };

/* --- restarts --- */

/** The ERESTART… error of the system call that the thread comes from; OK: none. */
static err_t
restart_wanted(struct thread *thread)
{
	u64 error = 0 - thread->user->regs.rax;
	if (thread->syscall == SYSCALL_NONE || error < ERESTARTSYS || error > ERESTART_RESTARTBLOCK)
		return OK;
	return (err_t)error;
}

/** Sets the thread back to its system call instruction, for call `number`. */
static void
restart_call(struct thread *thread, u64 number)
{
	thread->user->regs.rax = number;
	thread->user->regs.rip -= SYSCALL_LENGTH;
}

static void
restart_with_handler(struct thread *thread, u64 flags)
{
	err_t error = restart_wanted(thread);
	if (error == ERESTARTNOINTR || (error == ERESTARTSYS && (flags & SA_RESTART) != 0))
		restart_call(thread, thread->syscall);
	else if (error != OK)
		thread->user->regs.rax = 0 - (u64)EINTR;
	thread->syscall = SYSCALL_NONE;
}

static void
restart_without_handler(struct thread *thread)
{
	err_t error = restart_wanted(thread);
	if (error == ERESTART_RESTARTBLOCK)
		restart_call(thread, SYSCALL_RESTART);
	else if (error != OK)
		restart_call(thread, thread->syscall);
	thread->syscall = SYSCALL_NONE;
}

err_t
sys_restart_syscall(u64 *scoped result)
{
	struct thread *thread = thread_current();
	struct restart restart = thread->restart;
	return restart.fn != nullptr ? restart.fn(&restart, result) : EINTR;
}

/* --- default actions --- */

/** Whether job control's stop signals do nothing: nobody could continue the group. */
static bool
is_orphaned(struct process *process)
{
	REF_SCOPE(process_group, group);
	group = process_group_of(process);
	return group != nullptr && process_group_orphaned(group);
}

/** `continues` is what it was when the signal was taken: a SIGCONT or SIGKILL since then wins. */
static void
default_stop(struct signal_process *sp, u32 number, u32 continues)
{
	if (number != SIGSTOP && is_orphaned(process_current()))
		return;
	IRQ_SPIN_SCOPE(&sp->lock);
	if (sp->continues == continues)
		signal_group_stop(sp, number);
}

static void
default_death(const struct signal_info *scoped info)
{
	struct thread *thread = thread_current();
	u8 name[THREAD_NAME_SIZE];
	thread_name_get(thread, BYTES_OF(name));
	if (sigset_has(SIGSET_SYNCHRONOUS, info->number))
		log_info("{}[{}]: signal {} at address {x}, rip {x}, rsp {x}", BYTES_OF(name), atomic32_load(&thread->tid), info->number,
			info->address, thread->user->regs.rip, thread->user->regs.rsp);
	/* No core is dumped (RLIMIT_CORE): the status has no core bit. */
	process_group_exit(info->number);
}

/* --- delivery --- */

struct signal_delivery {
	struct signal_taken taken;
	bool known;      /* the signal's info is known already */
	bool last;       /* nothing else was left to do */
	struct signal_action action;
	u64 before;      /* the mask when the signal was taken; where there is a handler, it is in force from then on */
	u32 continues;
	bool immune;
};

/** Nothing is left to do; whatever comes from now on says so anew. */
static void
signal_calm(struct thread *thread)
{
	(void)atomic32_and(&thread->work, ~(u32)THREAD_WORK_SIGNAL);
	task_clear_interrupt();
}

/** The handler's mask is in force from here on. */
static void
mask_enter(struct signal_process *sp, struct signal_thread *st, u32 number, const struct signal_action *scoped action) MUST_HOLD(&sp->lock)
{
	u64 more = action->mask | ((action->flags & SA_NODEFER) != 0 ? 0 : sigbit(number)), newly = more & ~st->blocked;
	st->blocked = (st->blocked | more) & ~SIGSET_UNBLOCKABLE;
	if ((sp->shared.set & newly) != 0)
		signal_retarget(sp, st, newly);
}

/** Takes the next signal; number 0: there is a stop to be made first. => false: none; the thread is calm then */
static bool
delivery_take(struct signal_process *sp, struct signal_thread *st, struct signal_delivery *scoped out, struct signal_info *scoped info)
{
	IRQ_SPIN_SCOPE(&sp->lock);
	out->taken = (struct signal_taken){};
	out->last = false;
	if (st->stop_due || sp->notify != 0)
		return true;
	signal_take(sp, st, ~st->blocked, &out->taken);
	u32 number = out->taken.number;
	if (number == 0) {
		signal_calm(st->thread);
		return false;
	}
	out->known = signal_taken_keep(sp, &out->taken, info);
	out->last = ((st->pending.set | sp->shared.set) & ~st->blocked) == 0;
	if (out->last)
		signal_calm(st->thread);
	out->continues = sp->continues;
	out->immune = sp->process->pid == 1;
	out->before = st->blocked;
	signal_action_take(sp->handlers, number, &out->action);
	if (out->action.handler > SIG_IGN)
		mask_enter(sp, st, number, &out->action);
	return true;
}

static bool
is_exiting(struct thread *thread)
{
	return (atomic32_load(&thread->work) & THREAD_WORK_EXIT) != 0;
}

/** Performs default actions until there is a signal with a handler. => false: none, or the thread is to die */
static bool
delivery_next(struct thread *thread, struct signal_info *scoped info, struct signal_delivery *scoped next)
{
	struct signal_thread *st = thread->signal;
	struct signal_process *sp = st->process;
	for (;;) {
		if (is_exiting(thread) || !delivery_take(sp, st, next, info))
			return false;
		u32 number = next->taken.number;
		u64 handler = next->action.handler;
		if (number == 0) {
			signal_stop_here(sp, st);
			continue;
		}
		if (!next->known)
			signal_taken_info(&next->taken, info);
		if (handler > SIG_IGN)
			return true;
		bool forced = info->code > 0 && (number == SIGKILL || sigset_has(SIGSET_SYNCHRONOUS, number));
		if (handler == SIG_IGN || sigset_has(SIGSET_DEFAULT_IGNORE, number) || (next->immune && !forced))
			continue;
		if (sigset_has(SIGSET_STOP, number)) {
			default_stop(sp, number, next->continues);
			continue;
		}
		default_death(info);
		return false;
	}
}

static void
handler_run(struct thread *thread, const struct signal_info *scoped info, const struct signal_delivery *scoped delivery)
{
	struct signal_thread *st = thread->signal;
	if (signal_frame_push(info, &delivery->action, st->has_saved_mask ? st->saved_mask : delivery->before) != OK) {
		signal_set_mask(delivery->before);
		if (info->number == SIGSEGV)
			signal_reset_handler(SIGSEGV);
		signal_force(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	st->has_saved_mask = false;
}

void
signal_deliver(void)
{
	struct thread *thread = thread_current();
	struct signal_thread *st = thread->signal;
	struct signal_info info = {};
	struct signal_delivery next = {};
	bool handled = false;
	/* The handler blocks more, not less: nothing comes out of that. */
	while (!next.last && delivery_next(thread, &info, &next)) {
		if (!handled)
			restart_with_handler(thread, next.action.flags);
		handled = true;
		handler_run(thread, &info, &next);
	}
	if (handled || is_exiting(thread))
		return;
	restart_without_handler(thread);
	if (st->has_saved_mask) {
		st->has_saved_mask = false;
		signal_set_mask(st->saved_mask);
	}
}
