// SPDX-License-Identifier: MPL-2.0
/**
 * Actions: what a signal does, and who may look at it and change it how (struct signal_handlers).
 *
 * Source: sigaction(2).
 */
#include "signal_impl.h"

struct signal_action
signal_action_of(struct signal_process *sp, u32 number)
{
	struct signal_handlers *handlers = sp->handlers;
	IRQ_SPIN_SCOPE(&handlers->lock);
	return *ELEM(handlers->actions, number);
}

u64
signal_handler(struct signal_handlers *handlers, u32 number) NO_THREAD_SAFETY("one word, which changes at once")
{
	return POINTER_LOAD(ELEM(handlers->actions, number)->handler);
}

static inline void
action_swap(struct signal_handlers *handlers, u32 number, const struct signal_action *scoped new, struct signal_action *scoped old)
	NO_THREAD_SAFETY("under the lock, or by the only thread that has them")
{
	struct signal_action *action = ELEM(handlers->actions, number);
	*old = *action;
	if (new == nullptr)
		return;
	action->flags = new->flags;
	action->restorer = new->restorer;
	action->mask = new->mask;
	POINTER_PUBLISH(action->handler, new->handler);
}

void
signal_action_swap(struct signal_handlers *handlers, u32 number, const struct signal_action *scoped new, struct signal_action *scoped old)
{
	if (!handlers->shared && number != SIGCHLD) {
		action_swap(handlers, number, new, old);
		return;
	}
	IRQ_SPIN_SCOPE(&handlers->lock);
	action_swap(handlers, number, new, old);
}

static inline void
action_take(struct signal_handlers *handlers, u32 number, struct signal_action *scoped out)
	NO_THREAD_SAFETY("under the lock, or by the only thread that has them")
{
	struct signal_action *action = ELEM(handlers->actions, number);
	*out = *action;
	if (out->handler > SIG_IGN && (out->flags & SA_RESETHAND) != 0)
		POINTER_PUBLISH(action->handler, SIG_DFL);
}

void
signal_action_take(struct signal_handlers *handlers, u32 number, struct signal_action *scoped out)
{
	if (!handlers->shared && number != SIGCHLD) {
		action_take(handlers, number, out);
		return;
	}
	IRQ_SPIN_SCOPE(&handlers->lock);
	action_take(handlers, number, out);
}
