// SPDX-License-Identifier: MPL-2.0
/**
 * Sending: what a signal does at once, where it is queued, and which thread is told.
 *
 * Source: signal(7). A stop signal takes pending SIGCONTs back and SIGCONT pending stop signals; an ignored signal that nobody blocks is
 * dropped; of each ordinary signal at most one is pending, real-time signals queue.
 */
#include <cadre/irq.h>

#include <session.h>

#include "signal_impl.h"

/** Whether SIG_IGN, or SIG_DFL where that does nothing, is what it does. */
static bool
action_ignores(u64 handler, u32 number)
{
	return handler == SIG_IGN || (handler == SIG_DFL && sigset_has(SIGSET_DEFAULT_IGNORE, number));
}

/** The first process dies of no signal and stops for none that it has no handler for. */
static bool
is_immune(struct signal_process *sp, u64 handler) MUST_HOLD(&sp->lock)
{
	return handler == SIG_DFL && sp->process != nullptr && sp->process->pid == 1;
}

static bool
is_dropped(struct signal_process *sp, u64 blocked, u32 number) MUST_HOLD(&sp->lock)
{
	u64 handler = signal_handler(sp->handlers, number);
	if (sigset_has(blocked & ~SIGSET_UNBLOCKABLE, number))
		return false;
	return is_immune(sp, handler) || action_ignores(handler, number);
}

/* --- telling threads --- */

/** Makes the thread look at its signals. */
static void
signal_tell(struct signal_thread *st)
{
	(void)atomic32_or(&st->thread->work, THREAD_WORK_SIGNAL);
	task_interrupt(st->thread->task);
}

void
signal_recalc(struct signal_process *sp, struct signal_thread *st)
{
	if (st->thread != nullptr && (((st->pending.set | sp->shared.set) & ~st->blocked) != 0 || st->stop_due || sp->notify != 0))
		signal_tell(st);
}

/** Whether the thread would take the signal, and is not at signals already. */
static bool
is_taker(struct signal_thread *st, u32 number)
{
	if (sigset_has(st->blocked, number))
		return false;
	return number == SIGKILL || (!st->stopped && (atomic32_load(&st->thread->work) & THREAD_WORK_SIGNAL) == 0);
}

/** Wakes the thread that is to take a signal of the whole process: the first that wants it. */
static void
signal_tell_one(struct signal_process *sp, u32 number) MUST_HOLD(&sp->lock)
{
	LIST_FOR(signal_thread_list, st, &sp->threads) {
		if (is_taker(st, number)) {
			signal_tell(st);
			return;
		}
	}
	/* Whoever is at signals already and does not block it finds it. */
}

void
signal_retarget(struct signal_process *sp, struct signal_thread *except, u64 set)
{
	for (u64 left = sp->shared.set & set; left != 0; left &= left - 1) {
		u32 number = signal_first(left & -left);
		LIST_FOR(signal_thread_list, st, &sp->threads) {
			if (st != except && !sigset_has(st->blocked, number)) {
				signal_tell(st);
				break;
			}
		}
	}
}

/** Death is everybody's business: stopped threads go on, and all look. */
static void
signal_tell_kill(struct signal_process *sp) MUST_HOLD(&sp->lock)
{
	sp->continues += 1;   /* a stop whose signal was taken before comes too late */
	signal_group_continue(sp, false);
	LIST_FOR(signal_thread_list, st, &sp->threads)
		signal_tell(st);
}

/* --- queueing --- */

/** What sending does before anything is queued. */
static void
signal_prepare(struct signal_process *sp, u32 number) MUST_HOLD(&sp->lock)
{
	u64 taken_back = number == SIGCONT ? SIGSET_STOP : sigset_has(SIGSET_STOP, number) ? SIGBIT(SIGCONT) : 0;
	if (taken_back == 0)
		return;
	signal_pending_flush(&sp->shared, taken_back);
	LIST_FOR(signal_thread_list, st, &sp->threads)
		signal_pending_flush(&st->pending, taken_back);
	if (number != SIGCONT)
		return;
	sp->continues += 1;
	signal_group_continue(sp, true);
}

static void
signal_tell_target(struct signal_process *sp, struct signal_thread *st, u32 number) MUST_HOLD(&sp->lock)
{
	poll_wake(&sp->poll, POLL_IN | POLL_RDNORM);
	if (number == SIGKILL)
		signal_tell_kill(sp);
	else if (st == nullptr)
		signal_tell_one(sp, number);
	else if (!sigset_has(st->blocked, number))
		signal_tell(st);
}

/** The account of the thread's real user, with a reference; null in an interrupt, where nobody is charged. */
static struct user_account *
account_of(struct thread *thread)
{
	if (irq_context() || thread == nullptr)
		return nullptr;
	RCU_SCOPE();
	const struct cred *cred = POINTER_LOAD(thread->cred);
	struct user_account *user = cred != nullptr ? cred->user : nullptr;
	if (user != nullptr)
		user_account_get(user);
	return user;
}

/** The same of a process: only signals that queue are charged, so that the others cost no lock. */
static struct user_account *
process_account(struct process *process, u32 number)
{
	if (number < SIGRTMIN || irq_context())
		return nullptr;
	SPIN_SCOPE(&process->lock);
	return account_of(thread_list_first(&process->threads));
}

/** Whether the signal may be queued above the limit: of the kernel's, and ordinary ones of kill and tkill, at most one each is pending. */
static bool
is_unlimited(const struct signal_info *scoped info)
{
	return info->number < SIGRTMIN && info->code >= 0;
}

/**
 * Sends to `st`, or where that is null to the process. `account`, the target's (may be null), is charged.
 * => ESRCH: the thread has ended; EAGAIN
 */
static err_t
signal_queue(struct signal_process *sp, struct signal_thread *st, struct user_account *account, u64 limit,
	const struct signal_info *scoped info)
{
	u32 number = info->number;
	IRQ_SPIN_SCOPE(&sp->lock);
	if (st != nullptr && st->thread == nullptr)
		return ESRCH;
	struct signal_thread *first = st != nullptr ? st : signal_thread_list_first(&sp->threads);
	u64 blocked = first != nullptr ? first->blocked | first->waited : 0;
	struct signal_pending *pending = st != nullptr ? &st->pending : &sp->shared;
	signal_prepare(sp, number);
	if (is_dropped(sp, blocked, number) || (number < SIGRTMIN && sigset_has(pending->set, number)))
		return OK;
	struct signal_entry *entry = nullptr;
	if (number != SIGKILL && (is_unlimited(info) || account == nullptr || atomic64_load_relaxed(&account->signals) < limit))
		entry = signal_entry_take(sp, account, info);
	if (entry == nullptr && number >= SIGRTMIN && info->code != SI_USER)
		return EAGAIN;
	signal_pending_add(pending, number, entry);
	signal_tell_target(sp, st, number);
	return OK;
}

static struct signal_info
info_or_default(u32 number, const struct signal_info *scoped info)
{
	struct signal_info of_kernel = { .number = number, .code = SI_KERNEL };
	if (info != nullptr)
		of_kernel = *info;
	of_kernel.number = number;
	return of_kernel;
}

err_t
signal_send_thread(struct thread *thread, u32 number, const struct signal_info *scoped info)
{
	struct signal_info full = info_or_default(number, info);
	REF_SCOPE(user_account, account);
	account = number >= SIGRTMIN ? account_of(thread) : nullptr;
	u64 limit = atomic64_load_relaxed(&thread->process->limits[RLIMIT_SIGPENDING].soft);
	return signal_queue(thread->process->signal, thread->signal, account, limit, &full);
}

err_t
signal_send_process(struct process *process, u32 number, const struct signal_info *scoped info)
{
	struct signal_info full = info_or_default(number, info);
	REF_SCOPE(user_account, account);
	account = process_account(process, number);
	u64 limit = atomic64_load_relaxed(&process->limits[RLIMIT_SIGPENDING].soft);
	return signal_queue(process->signal, nullptr, account, limit, &full);
}

static void
group_member_send(struct process *process, struct object *arg, u64 number)
{
	(void)arg;
	signal_note_many(process);
	(void)signal_send_process(process, (u32)number, nullptr);
}

void
signal_send_group(struct process_group *group, u32 number)
{
	process_group_for_each(group, group_member_send, nullptr, number);
}

/* --- timers' --- */

err_t
signal_send_entry(struct signal_entry *entry, struct process *process, struct thread *thread)
{
	struct signal_process *sp = process->signal;
	struct signal_thread *st = thread != nullptr ? thread->signal : nullptr;
	u32 number = entry->info.number;
	IRQ_SPIN_SCOPE(&sp->lock);
	if ((st != nullptr && st->thread == nullptr) || signal_thread_list_empty(&sp->threads))
		return ESRCH;
	if (atomic32_load(&entry->queued) != 0)
		return EALREADY;
	struct signal_thread *first = st != nullptr ? st : signal_thread_list_first(&sp->threads);
	struct signal_pending *pending = st != nullptr ? &st->pending : &sp->shared;
	signal_prepare(sp, number);
	if (is_dropped(sp, first->blocked | first->waited, number))
		return ECANCELED;
	signal_entry_get(entry);
	atomic32_store(&entry->queued, 1);
	signal_pending_add(pending, number, entry);
	signal_tell_target(sp, st, number);
	return OK;
}

/** The locks of those who could be looking at the entry are not known here: the owner's reference keeps it whole, and `get` is asked once only. */
void
signal_entry_cancel(struct signal_entry *entry)
{
	struct signal_process *sp = process_current()->signal;
	IRQ_SPIN_SCOPE(&sp->lock);
	entry->owner = nullptr;
}

/* --- taking --- */

void
signal_take(struct signal_process *sp, struct signal_thread *st, u64 set, struct signal_taken *scoped out)
{
	bool own = (st->pending.set & set) != 0;
	u64 pending = own ? st->pending.set & set : sp->shared.set & set;
	*out = (struct signal_taken){};
	if (pending == 0)
		return;
	out->number = signal_first(pending);
	struct signal_entry *entry = signal_pending_take(own ? &st->pending : &sp->shared, out->number);
	out->entry = entry;
	if (entry != nullptr && entry->owner != nullptr) {
		entry->ops->get(entry->owner);
		out->owner = entry->owner;
	}
}

bool
signal_taken_keep(struct signal_process *sp, struct signal_taken *scoped taken, struct signal_info *scoped info)
{
	struct signal_entry *entry = taken->entry;
	if (entry == nullptr || entry->is_timer || entry->user != nullptr || sp->spare != nullptr)
		return false;
	*info = entry->info;
	sp->spare = entry;
	taken->entry = nullptr;
	return true;
}

void
signal_taken_info(struct signal_taken *scoped taken, struct signal_info *scoped info)
{
	struct signal_entry *entry = taken->entry;
	*info = (struct signal_info){ .number = taken->number, .code = SI_USER };
	if (entry == nullptr)
		return;
	*info = entry->info;
	if (taken->owner != nullptr)
		entry->ops->dequeued(taken->owner, info);
	signal_entry_put(entry);
	taken->entry = nullptr;
}

/* --- faults --- */

/** A signal that is ignored, or blocked, gets its default action. */
static void
handler_free(struct signal_handlers *handlers, u32 number, bool blocked)
{
	if (!blocked && signal_handler(handlers, number) != SIG_IGN)
		return;
	IRQ_SPIN_SCOPE(&handlers->lock);
	struct signal_action *action = ELEM(handlers->actions, number);
	if (blocked || action->handler == SIG_IGN)
		action->handler = SIG_DFL;
}

/** What cannot be put off: blocked or ignored it can only kill. */
void
signal_force_info(const struct signal_info *scoped info)
{
	struct signal_thread *st = signal_self();
	struct signal_process *sp = st->process;
	u32 number = info->number;
	IRQ_SPIN_SCOPE(&sp->lock);
	handler_free(sp->handlers, number, sigset_has(st->blocked, number));
	st->blocked &= ~sigbit(number);
	if (!sigset_has(st->pending.set, number))
		signal_pending_add(&st->pending, number, signal_entry_take(sp, nullptr, info));
	signal_tell(st);
}

void
signal_force(u32 number, i32 code, u64 address)
{
	struct signal_info info = { .number = number, .code = code, .address = address };
	signal_force_info(&info);
}

void
signal_fault_context(u32 trap, u32 error, u64 address)
{
	struct signal_thread *st = signal_self();
	st->fault_trap = trap;
	st->fault_error = error;
	st->fault_address = address;
}
