// SPDX-License-Identifier: MPL-2.0
/**
 * Signals' objects through fork, clone, execve and exit.
 *
 * Source: fork(2), clone(2), execve(2): handlers and masks are inherited, pending signals are not; handlers that are functions do not
 * survive execve, ignored signals do.
 */
#include <cadre/cpu.h>

#include "signal_impl.h"

OBJECT_DEFINE(signal_handlers);

static void
signal_process_release(struct signal_process *sp)
{
	poll_queue_close(&sp->poll);
	IRQ_SPIN_SCOPE(&sp->lock);
	signal_pending_flush(&sp->shared, ~(u64)0);
	if (sp->spare != nullptr)
		signal_entry_put(sp->spare);
	sp->spare = nullptr;
	if (sp->handlers != nullptr)
		signal_handlers_put(sp->handlers);
	sp->handlers = nullptr;
}

OBJECT_DEFINE_RELEASE(signal_process);

static void
signal_thread_release(struct signal_thread *st)
{
	if (st->frame_image != nullptr)
		fpu_image_put(st->frame_image);
	if (st->process != nullptr)
		signal_process_put(st->process);
}

OBJECT_DEFINE_RELEASE(signal_thread);

/** The handlers of `sp`, with a reference. */
static struct signal_handlers *
handlers_of(struct signal_process *sp)
{
	IRQ_SPIN_SCOPE(&sp->lock);
	signal_handlers_get(sp->handlers);
	return sp->handlers;
}

/** A copy of `from`, all SIG_DFL where that is null. => null: ENOMEM */
static struct signal_handlers *
handlers_copy(struct signal_handlers *from) NO_THREAD_SAFETY("the copy is the caller's alone")
{
	struct signal_handlers *copy = signal_handlers_alloc();
	if (copy == nullptr || from == nullptr)
		return copy;
	IRQ_SPIN_SCOPE(&from->lock);
	for (u32 i = 1; i <= SIGNAL_MAX; i++)
		*ELEM(copy->actions, i) = *ELEM(from->actions, i);
	return copy;
}

err_t
signal_process_create(struct signal_process *from, bool share, struct signal_process **scoped out)
{
	REF_SCOPE(signal_process, sp);
	REF_SCOPE(signal_handlers, handlers);
	if (from != nullptr)
		handlers = handlers_of(from);
	if (share && handlers != nullptr) {
		handlers->shared = true;
	} else {
		struct signal_handlers *copy = handlers_copy(handlers);
		if (handlers != nullptr)
			signal_handlers_put(handlers);
		handlers = copy;
	}
	sp = signal_process_alloc();
	if (sp == nullptr || handlers == nullptr)
		return ENOMEM;
	IRQ_SPIN_SCOPE(&sp->lock);
	sp->handlers = handlers;
	handlers = nullptr;
	*out = sp;
	sp = nullptr;
	return OK;
}

err_t
signal_thread_create(struct signal_thread *from, struct signal_thread **scoped out)
{
	struct signal_thread *st = signal_thread_alloc();
	if (st == nullptr)
		return ENOMEM;
	st->altstack.flags = SS_DISABLE;
	if (from != nullptr) {
		st->blocked = from->blocked;
		st->altstack = from->altstack;
	}
	*out = st;
	return OK;
}

void
signal_altstack_forget(struct signal_thread *st)
{
	st->altstack = (struct signal_altstack){ .flags = SS_DISABLE };
}

/** Handlers that are functions become SIG_DFL; with `all`, ignored signals too. Masks and flags go. */
static void
handlers_reset(struct signal_handlers *handlers, bool all)
{
	IRQ_SPIN_SCOPE(&handlers->lock);
	for (u32 i = 1; i <= SIGNAL_MAX; i++) {
		struct signal_action *action = ELEM(handlers->actions, i);
		*action = (struct signal_action){ .handler = action->handler == SIG_IGN && !all ? SIG_IGN : SIG_DFL };
	}
}

void
signal_handlers_clear(struct signal_process *sp)
{
	IRQ_SPIN_SCOPE(&sp->lock);
	struct signal_handlers *handlers = sp->handlers;
	IRQ_SPIN_SCOPE(&handlers->lock);
	for (u32 i = 1; i <= SIGNAL_MAX; i++)
		if (ELEM(handlers->actions, i)->handler != SIG_IGN)
			*ELEM(handlers->actions, i) = (struct signal_action){};
}

void
signal_thread_start(struct thread *thread)
{
	struct signal_thread *st = thread->signal;
	struct signal_process *sp = thread->process->signal;
	signal_process_get(sp);
	st->process = sp;
	IRQ_SPIN_SCOPE(&sp->lock);
	sp->process = thread->process;
	st->thread = thread;
	/* Who makes the second thread is in clone(2), so between its reads and writes of actions. From then on nobody writes it. */
	if (!signal_thread_list_empty(&sp->threads) && !sp->handlers->shared)
		sp->handlers->shared = true;
	signal_thread_list_push_back(&sp->threads, st);
	if (sp->stop_signal != 0) {
		st->stop_due = true;
		sp->stop_left++;
	}
	signal_recalc(sp, st);
}

void
signal_thread_exit(struct thread *thread)
{
	struct signal_thread *st = thread->signal;
	struct signal_process *sp = st->process;
	{
		IRQ_SPIN_SCOPE(&sp->lock);
		if (st->thread == nullptr)
			return;
		signal_stop_leave(sp, st);
		signal_thread_list_remove(&sp->threads, st);
		st->thread = nullptr;
		signal_pending_flush(&st->pending, ~(u64)0);
		signal_retarget(sp, st, ~st->blocked);
	}
	signal_notify(sp);
}

err_t
signal_exec(void)
{
	struct signal_thread *st = signal_self();
	struct signal_process *sp = st->process;
	REF_SCOPE(signal_handlers, shared);
	shared = handlers_of(sp);
	struct signal_handlers *own = handlers_copy(shared);
	if (own == nullptr)
		return ENOMEM;
	handlers_reset(own, false);
	signal_altstack_forget(st);
	IRQ_SPIN_SCOPE(&sp->lock);
	signal_handlers_put(sp->handlers);
	sp->handlers = own;
	return OK;
}

/* --- asking --- */

static u64
signal_handler_of(struct process *process, u32 number, u64 *scoped flags)
{
	struct signal_process *sp = process->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	struct signal_action action = signal_action_of(sp, number);
	*flags = action.flags;
	return action.handler;
}

bool
signal_child_ignored(struct process *process)
{
	u64 flags = 0;
	return signal_handler_of(process, SIGCHLD, &flags) == SIG_IGN;
}

bool
signal_children_reaped(struct process *process)
{
	u64 flags = 0, handler = signal_handler_of(process, SIGCHLD, &flags);
	return handler == SIG_IGN || (flags & SA_NOCLDWAIT) != 0;
}

bool
signal_ignored_or_blocked(u32 number)
{
	u64 flags = 0;
	return sigset_has(signal_self()->blocked, number) || signal_handler_of(process_current(), number, &flags) == SIG_IGN;
}

struct signal_status
signal_status(struct thread *thread)
{
	struct signal_process *sp = thread->process->signal;
	struct signal_thread *st = thread->signal;
	struct signal_status out = {};
	REF_SCOPE(cred, cred);
	cred = thread_cred_get(thread);
	if (cred != nullptr && cred->user != nullptr)
		out.queued = (u32)atomic64_load_relaxed(&cred->user->signals);
	IRQ_SPIN_SCOPE(&sp->lock);
	out.pending = st->pending.set;
	out.shared_pending = sp->shared.set;
	out.blocked = st->blocked;
	for (u32 i = 1; i <= SIGNAL_MAX; i++) {
		u64 handler = signal_handler(sp->handlers, i);
		out.ignored |= handler == SIG_IGN ? sigbit(i) : 0;
		out.caught |= handler > SIG_IGN ? sigbit(i) : 0;
	}
	return out;
}

struct signal_times
signal_process_times(struct process *process)
{
	struct signal_process *sp = process->signal;
	struct signal_times out = {};
	IRQ_SPIN_SCOPE(&sp->lock);
	LIST_FOR(signal_thread_list, st, &sp->threads) {
		struct task_times times = task_times(st->thread->task);
		out.user_ns += times.user_ns;
		out.kernel_ns += times.kernel_ns;
	}
	out.user_ns += atomic64_load(&process->dead_user_ns);
	out.kernel_ns += atomic64_load(&process->dead_kernel_ns);
	return out;
}

u32
signal_process_account(struct process *process)
{
	struct signal_process *sp = process->signal;
	u32 count = 0;
	IRQ_SPIN_SCOPE(&sp->lock);
	LIST_FOR(signal_thread_list, st, &sp->threads) {
		cpu_reschedule(task_cpu(st->thread->task));
		count++;
	}
	return count;
}
