// SPDX-License-Identifier: MPL-2.0
/**
 * The system calls about one's own signals: actions, masks, alternate stacks, and waiting for signals.
 *
 * Source: sigaction(2), sigprocmask(2), sigpending(2), sigsuspend(2), sigtimedwait(2), sigaltstack(2), pause(2).
 */
#include "signal_impl.h"

enum : i32 { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };
enum : u64 { STACK_MIN = 2048 };

/* --- actions --- */

static void
signals_forget(struct signal_process *sp, u64 set) MUST_HOLD(&sp->lock)
{
	signal_pending_flush(&sp->shared, set);
	LIST_FOR(signal_thread_list, st, &sp->threads)
		signal_pending_flush(&st->pending, set);
}

/** The running thread's. */
static struct signal_handlers *
handlers_here(void) NO_THREAD_SAFETY("only execve puts others in their place, when the process has one thread")
{
	return signal_self()->process->handlers;
}

/** Exchanges the action. Null `new`: only tells the old one. A signal that is ignored now must not be pending, nor come in between. */
static void
action_exchange(u32 number, const struct signal_action *scoped new, struct signal_action *scoped old)
{
	bool ignored = new != nullptr && (new->handler == SIG_IGN || (new->handler == SIG_DFL && sigset_has(SIGSET_DEFAULT_IGNORE, number)));
	if (!ignored) {
		signal_action_swap(handlers_here(), number, new, old);
		return;
	}
	struct signal_process *sp = signal_self()->process;
	IRQ_SPIN_SCOPE(&sp->lock);
	signal_action_swap(sp->handlers, number, new, old);
	signals_forget(sp, sigbit(number));
}

void
signal_reset_handler(u32 number)
{
	struct signal_action none = {}, old = {};
	action_exchange(number, &none, &old);
}

err_t
sys_rt_sigaction(i32 sig, uaddr_t act, uaddr_t oldact, u64 sigsetsize)
{
	struct signal_action new = {}, old = {};
	if (sigsetsize != SIGSET_SIZE)
		return EINVAL;
	if (act.raw != 0)
		TRY(copy_in_value(new, act));
	if (sig < 1 || sig > (i32)SIGNAL_MAX || (act.raw != 0 && sigset_has(SIGSET_UNBLOCKABLE, (u32)sig)))
		return EINVAL;
	new.flags &= SA_KNOWN;
	new.mask &= ~SIGSET_UNBLOCKABLE;
	if (act.raw != 0)
		action_exchange((u32)sig, &new, &old);
	else
		action_exchange((u32)sig, nullptr, &old);
	return oldact.raw != 0 ? copy_out_value(oldact, old) : OK;
}

/* --- masks --- */

void
signal_set_mask(u64 mask)
{
	struct signal_thread *st = signal_self();
	struct signal_process *sp = st->process;
	IRQ_SPIN_SCOPE(&sp->lock);
	u64 newly = mask & ~st->blocked;
	st->blocked = mask & ~SIGSET_UNBLOCKABLE;
	if ((sp->shared.set & newly) != 0)
		signal_retarget(sp, st, newly);
	signal_recalc(sp, st);
}

u64
signal_mask(void)
{
	return signal_self()->blocked;
}

err_t
sigset_read(uaddr_t from, u64 size, u64 *scoped set)
{
	u64 value = 0;
	if (size != SIGSET_SIZE)
		return EINVAL;
	TRY(copy_in_value(value, from));
	*set = value & ~SIGSET_UNBLOCKABLE;
	return OK;
}

err_t
sys_rt_sigprocmask(i32 how, uaddr_t set, uaddr_t oldset, u64 sigsetsize)
{
	u64 old = signal_mask(), given = 0;
	if (sigsetsize != SIGSET_SIZE)
		return EINVAL;
	if (set.raw != 0) {
		TRY(sigset_read(set, sigsetsize, &given));
		if (how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
			return EINVAL;
		u64 new = how == SIG_BLOCK ? old | given : how == SIG_UNBLOCK ? old & ~given : given;
		if (new != old)
			signal_set_mask(new);
	}
	return oldset.raw != 0 ? copy_out_value(oldset, old) : OK;
}

err_t
sys_rt_sigpending(uaddr_t set, u64 sigsetsize)
{
	struct signal_thread *st = signal_self();
	struct signal_process *sp = st->process;
	u64 pending = 0;
	if (sigsetsize > SIGSET_SIZE)
		return EINVAL;
	{
		IRQ_SPIN_SCOPE(&sp->lock);
		pending = (st->pending.set | sp->shared.set) & st->blocked;
	}
	return copy_out(set, cbytes_sub(CBYTES_OF(pending), 0, sigsetsize));
}

err_t
signal_mask_temporarily(uaddr_t set, u64 size)
{
	struct signal_thread *st = signal_self();
	u64 mask = 0;
	if (set.raw == 0)
		return OK;
	TRY(sigset_read(set, size, &mask));
	st->saved_mask = st->blocked;
	st->has_saved_mask = true;
	signal_set_mask(mask);
	return OK;
}

void
signal_mask_restore(bool interrupted)
{
	struct signal_thread *st = signal_self();
	if (!st->has_saved_mask)
		return;
	if (interrupted) {
		/* Delivery puts it back, whether there is something to deliver or not. */
		(void)atomic32_or(&thread_current()->work, THREAD_WORK_SIGNAL);
		return;
	}
	st->has_saved_mask = false;
	signal_set_mask(st->saved_mask);
}

/* --- asking --- */

bool
signal_pending(void)
{
	return (atomic32_load_relaxed(&thread_current()->work) & (THREAD_WORK_SIGNAL | THREAD_WORK_EXIT)) != 0;
}

u32
signal_sent_to_many(void)
{
	return atomic32_load(&signal_self()->process->sent_to_many);
}

void
signal_note_many(struct process *process)
{
	(void)atomic32_add(&process->signal->sent_to_many, 1);
}

/** Whether one of `set` kills by its default action. */
static bool
is_fatal(struct signal_process *sp, u64 set) MUST_HOLD(&sp->lock)
{
	for (u64 left = set & ~(SIGSET_DEFAULT_IGNORE | SIGSET_STOP); left != 0; left &= left - 1)
		if (signal_handler(sp->handlers, signal_first(left & -left)) == SIG_DFL)
			return true;
	return false;
}

bool
signal_fatal_pending(void)
{
	struct thread *thread = thread_current();
	struct signal_thread *st = thread->signal;
	struct signal_process *sp = st->process;
	u32 work = atomic32_load_relaxed(&thread->work);
	if ((work & (THREAD_WORK_EXIT | THREAD_WORK_SIGNAL)) != THREAD_WORK_SIGNAL)
		return (work & THREAD_WORK_EXIT) != 0;
	IRQ_SPIN_SCOPE(&sp->lock);
	return is_fatal(sp, (st->pending.set | sp->shared.set) & ~st->blocked);
}

bool
signal_pending_of(u64 set)
{
	struct signal_thread *st = signal_self();
	struct signal_process *sp = st->process;
	IRQ_SPIN_SCOPE(&sp->lock);
	return ((st->pending.set | sp->shared.set) & set) != 0;
}

struct poll_queue *
signal_poll_queue(void)
{
	return &signal_self()->process->poll;
}

bool
signal_dequeue(u64 set, struct signal_info *scoped info)
{
	struct signal_thread *st = signal_self();
	struct signal_process *sp = st->process;
	struct signal_taken taken = {};
	{
		IRQ_SPIN_SCOPE(&sp->lock);
		signal_take(sp, st, set, &taken);
	}
	if (taken.number == 0)
		return false;
	signal_taken_info(&taken, info);
	return true;
}

/* --- waiting --- */

/** Sleeps until there is something for signal_deliver, or the deadline. => EINTR, ETIMEDOUT */
static err_t
signal_sleep(u64 deadline)
{
	for (;;) {
		if (signal_pending())
			return EINTR;
		if (task_sleep_until(deadline, true) == OK)
			return signal_pending() ? EINTR : ETIMEDOUT;
		/* An interrupt without a reason to be seen: whoever means it sets its bit first. */
		if (!signal_pending())
			task_clear_interrupt();
	}
}

err_t
sys_pause(void)
{
	(void)signal_sleep(TIME_NEVER);
	return ERESTARTNOHAND;
}

err_t
sys_rt_sigsuspend(uaddr_t set, u64 sigsetsize)
{
	u64 mask = 0;
	TRY(sigset_read(set, sigsetsize, &mask));
	TRY(signal_mask_temporarily(set, sigsetsize));
	(void)signal_sleep(TIME_NEVER);
	signal_mask_restore(true);
	return ERESTARTNOHAND;
}

/** Lets signals of `set` through for the time of the sleep: they wake the thread, and are taken by it, not delivered. */
static err_t
signal_sleep_for(struct signal_thread *st, u64 set, u64 deadline)
{
	struct signal_process *sp = st->process;
	{
		IRQ_SPIN_SCOPE(&sp->lock);
		st->waited = st->blocked & set;
		st->blocked &= ~set;
		signal_recalc(sp, st);
	}
	err_t err = signal_sleep(deadline);
	IRQ_SPIN_SCOPE(&sp->lock);
	st->blocked |= st->waited;
	st->waited = 0;
	return err;
}

err_t
sys_rt_sigtimedwait(uaddr_t set, uaddr_t info, uaddr_t timeout, u64 sigsetsize, u64 *scoped result)
{
	struct timespec time = {};
	struct signal_info taken = {};
	u64 wanted = 0, deadline = TIME_NEVER;
	TRY(sigset_read(set, sigsetsize, &wanted));
	if (timeout.raw != 0) {
		TRY(copy_in_value(time, timeout));
		if (!timespec_valid(time))
			return EINVAL;
		deadline = deadline_after(timespec_to_ns(time));
	}
	bool found = signal_dequeue(wanted, &taken), wait = timeout.raw == 0 || time.sec != 0 || time.nsec != 0;
	if (!found) {
		err_t err = wait ? signal_sleep_for(signal_self(), wanted, deadline) : ETIMEDOUT;
		if (!signal_dequeue(wanted, &taken))
			return err == EINTR ? EINTR : EAGAIN;
	}
	struct signal_user_info user = signal_info_pack(&taken);
	if (info.raw != 0)
		TRY(copy_out_value(info, user));
	*result = taken.number;
	return OK;
}

/* --- alternate stacks --- */

struct user_stack { u64 base; u32 flags, pad; u64 size; };

err_t
signal_altstack_set(struct signal_thread *st, const struct signal_altstack *scoped new, u64 rsp)
{
	u32 mode = new->flags & ~(u32)SS_AUTODISARM;
	if (signal_on_altstack(&st->altstack, rsp))
		return EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return EINVAL;
	if (mode != SS_DISABLE && new->size < STACK_MIN)
		return ENOMEM;
	st->altstack = *new;
	if (mode == SS_DISABLE) {
		st->altstack.base = 0;
		st->altstack.size = 0;
	}
	return OK;
}

err_t
sys_sigaltstack(uaddr_t ss, uaddr_t old_ss)
{
	struct thread *thread = thread_current();
	struct signal_thread *st = thread->signal;
	struct user_stack new = {};
	u64 rsp = thread->user->regs.rsp;
	u32 state = st->altstack.size == 0 ? SS_DISABLE : signal_on_altstack(&st->altstack, rsp) ? SS_ONSTACK : 0;
	struct user_stack old = { st->altstack.base, state | (st->altstack.flags & SS_AUTODISARM), 0, st->altstack.size };
	if (ss.raw != 0) {
		TRY(copy_in_value(new, ss));
		struct signal_altstack stack = { new.base, new.size, new.flags };
		TRY(signal_altstack_set(st, &stack, rsp));
	}
	return old_ss.raw != 0 ? copy_out_value(old_ss, old) : OK;
}
