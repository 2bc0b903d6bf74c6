// SPDX-License-Identifier: MPL-2.0
/**
 * Group stop: all threads of a process stop at a stop signal, go on at SIGCONT, and the parent is told.
 *
 *	state       stop_signal   stop_left   threads
 *	running     0             0           -
 *	stopping    the signal    > 0         stop_due, or stopped
 *	stopped     the signal    0           stopped
 *
 * The thread that stops last tells the parent; of the continuing the first that goes on does.
 */
#include <session.h>

#include "signal_impl.h"

void
signal_group_stop(struct signal_process *sp, u32 number)
{
	if (sp->stop_signal != 0)
		return;
	sp->stop_signal = number;
	sp->stop_left = 0;
	sp->report_continued = false;
	LIST_FOR(signal_thread_list, st, &sp->threads) {
		st->stop_due = true;
		sp->stop_left++;
		signal_recalc(sp, st);
	}
}

void
signal_group_continue(struct signal_process *sp, bool continued)
{
	if (sp->stop_signal == 0)
		return;
	if (continued) {
		sp->notify = sp->stop_left == 0 ? CLD_CONTINUED : CLD_STOPPED;
		sp->report_continued = true;
	}
	sp->report_stop = 0;
	sp->stop_signal = 0;
	sp->stop_left = 0;
	LIST_FOR(signal_thread_list, st, &sp->threads) {
		st->stop_due = false;
		st->stopped = false;
	}
	struct signal_thread *first = signal_thread_list_first(&sp->threads);
	if (first != nullptr)
		signal_recalc(sp, first);
	(void)wake_all(&sp->stop_wait);
}

/** One thread less to wait for. */
static void
signal_stop_count(struct signal_process *sp) MUST_HOLD(&sp->lock)
{
	sp->stop_left--;
	if (sp->stop_left != 0)
		return;
	sp->report_stop = sp->stop_signal;
	sp->notify = CLD_STOPPED;
}

void
signal_stop_leave(struct signal_process *sp, struct signal_thread *st)
{
	if (!st->stop_due)
		return;
	st->stop_due = false;
	signal_stop_count(sp);
}

/* --- the parent --- */

/** With a reference; null: none. */
static struct process *
process_parent(struct process *process)
{
	RCU_SCOPE();
	struct process *parent = POINTER_LOAD(process->parent);
	return parent != nullptr && process_get_live(parent) ? parent : nullptr;
}

static struct signal_info
child_info(struct process *process, u32 code, u32 status)
{
	struct signal_times times = signal_process_times(process);
	u64 tick = NS_PER_SEC / 100;
	return (struct signal_info){ .number = SIGCHLD, .code = (i32)code, .pid = process->pid, .uid = cred_current()->uid,
		.status = (i32)status, .utime = times.user_ns / tick, .stime = times.kernel_ns / tick };
}

static bool
wants_stop_signals(struct process *parent)
{
	struct signal_process *sp = parent->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	struct signal_action action = signal_action_of(sp, SIGCHLD);
	return action.handler != SIG_IGN && (action.flags & SA_NOCLDSTOP) == 0;
}

static void
parent_tell(struct process *process, u32 code, u32 status)
{
	REF_SCOPE(process, parent);
	parent = process_parent(process);
	if (parent == nullptr)
		return;
	struct signal_info info = child_info(process, code, status);
	if (wants_stop_signals(parent))
		(void)signal_send_process(parent, SIGCHLD, &info);
	(void)wake_all(&parent->child_wait);
}

/** Tells what there is to tell, once. */
void
signal_notify(struct signal_process *sp)
{
	u32 code = 0, status = 0;
	{
		IRQ_SPIN_SCOPE(&sp->lock);
		code = sp->notify;
		sp->notify = 0;
		status = code == CLD_CONTINUED ? SIGCONT : sp->report_stop != 0 ? sp->report_stop : SIGSTOP;
	}
	if (code != 0)
		parent_tell(process_current(), code, status);
}

/* --- stopping --- */

/** => whether the thread has to wait. */
static bool
signal_stop_enter(struct signal_process *sp, struct signal_thread *st)
{
	IRQ_SPIN_SCOPE(&sp->lock);
	if (!st->stop_due)
		return false;
	st->stop_due = false;
	st->stopped = true;
	signal_stop_count(sp);
	return true;
}

static bool
is_let_go(struct signal_process *sp, struct signal_thread *st)
{
	if ((atomic32_load(&st->thread->work) & THREAD_WORK_EXIT) != 0)
		return true;
	IRQ_SPIN_SCOPE(&sp->lock);
	return !st->stopped;
}

void
signal_stop_here(struct signal_process *sp, struct signal_thread *st)
{
	signal_notify(sp);
	if (!signal_stop_enter(sp, st))
		return;
	signal_notify(sp);
	/* An interrupt says that there is something to look at; while stopped, only what lets it go counts. */
	while (WAIT_UNTIL(&sp->stop_wait, is_let_go(sp, st), WAIT_INTERRUPTIBLE, TIME_NEVER) == EINTR)
		task_clear_interrupt();
	{
		IRQ_SPIN_SCOPE(&sp->lock);
		st->stopped = false;
	}
	signal_notify(sp);
}

/* --- wait(2) --- */

bool
signal_wait_stopped(struct process *process, bool consume, u32 *scoped number)
{
	struct signal_process *sp = process->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	*number = sp->report_stop;
	if (consume)
		sp->report_stop = 0;
	return *number != 0;
}

bool
signal_wait_continued(struct process *process, bool consume)
{
	struct signal_process *sp = process->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	bool continued = sp->report_continued;
	if (consume)
		sp->report_continued = false;
	return continued;
}

bool
signal_is_stopped(struct process *process)
{
	struct signal_process *sp = process->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	return sp->stop_signal != 0 && sp->stop_left == 0;
}

bool
signal_thread_stopped(struct thread *thread)
{
	struct signal_process *sp = thread->process->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	return thread->signal->stopped;
}
