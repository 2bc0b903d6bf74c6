// SPDX-License-Identifier: MPL-2.0
/**
 * Timers: a tree of events per CPU, served by that CPU's timer interrupt.
 *
 * An event belongs to the queue of `event->cpu`; it moves to the calling CPU when it is set there, unless its function is running. Each set,
 * cancel and expiry is one critical section of that queue's lock. Functions run with no lock held; `running` says which.
 *
 * A `struct timer` in a queue has no reference: its release takes it out. Its function runs with one, taken as it leaves the queue.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <time/event.h>

/** Events of one deadline are told apart by their addresses. */
static int
event_compare(const struct timer_event *a, const struct timer_event *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns ? -1 : 1;
	return (u64)a < (u64)b ? -1 : a != b;
}

RBTREE_OF(event_tree, struct timer_event, link, event_compare);

static struct timer_queue {
	struct raw_lock lock;
	struct event_tree events GUARDED_BY(&lock);
	u64 tick_ns GUARDED_BY(&lock);         /* the scheduler's */
	u64 armed_ns GUARDED_BY(&lock);        /* what the hardware is set to; 0: unknown */
	struct timer_event *running;          /* [atomic] written by its CPU */
} queues[CPU_MAX] __attribute__((aligned(64))) = { [0 ... CPU_MAX - 1] = { .tick_ns = TIME_NEVER } };

static void
queue_remove(struct timer_queue *queue, struct timer_event *event) MUST_HOLD(&queue->lock)
{
	event_tree_remove(&queue->events, event);
	event->queued = false;
}

/* --- events --- */

/** Sets this CPU's hardware to the earliest of what is wanted. It is never set later: it fires for nothing once, and is set right then. */
static void
queue_arm(struct timer_queue *queue) MUST_HOLD(&queue->lock)
{
	const struct timer_event *first = event_tree_first(&queue->events);
	u64 at = first != nullptr ? MIN(queue->tick_ns, first->deadline_ns) : queue->tick_ns;
	if (at >= queue->armed_ns && queue->armed_ns != 0)
		return;
	queue->armed_ns = at;
	arch_timer_arm(at);
}

/** Locks the queue that the event belongs to; it stays that one as long as it is locked. */
static struct timer_queue *
event_lock(struct timer_event *event, u64 *flags) NO_THREAD_SAFETY("returns with the lock that it chose held")
{
	for (;;) {
		u32 cpu = __atomic_load_n(&event->cpu, __ATOMIC_ACQUIRE);
		struct timer_queue *queue = &queues[cpu % CPU_MAX];
		*flags = raw_acquire(&queue->lock);
		if (__atomic_load_n(&event->cpu, __ATOMIC_ACQUIRE) == cpu)
			return queue;
		raw_release(&queue->lock, *flags);
	}
}

bool
timer_event_set(struct timer_event *event, u64 deadline_ns) NO_THREAD_SAFETY("the lock comes from event_lock")
{
	bool was = false, stays;
	do {
		u64 flags;
		struct timer_queue *queue = event_lock(event, &flags), *here = &queues[this_cpu()->id];
		stays = queue == here || deadline_ns == TIME_NEVER ||
		        __atomic_load_n(&queue->running, __ATOMIC_RELAXED) == event;
		was |= event->queued;
		if (event->queued)
			queue_remove(queue, event);   /* the hardware may fire for nothing */
		if (stays && deadline_ns != TIME_NEVER) {
			event->deadline_ns = deadline_ns;
			event->queued = event_tree_insert(&queue->events, event);
		}
		if (stays && queue == here)
			queue_arm(queue);   /* else its CPU does once the function has returned */
		if (!stays)
			__atomic_store_n(&event->cpu, this_cpu()->id, __ATOMIC_RELEASE);
		raw_release(&queue->lock, flags);
	} while (!stays);
	return was;
}

void
timer_tick_set(u64 deadline_ns)
{
	struct timer_queue *queue = &queues[this_cpu()->id];
	RAW_SCOPE(&queue->lock);
	queue->tick_ns = deadline_ns;
	queue_arm(queue);
}

/* --- timers of services, and serving events --- */

static void timer_fire(struct timer_event *event);

struct timer {
	struct timer_event event;   /* first: an event with timer_fire is a timer */
	timer_fn *fn;               /* [const] */
	struct object *arg;         /* [const] */
	u32 dead;                   /* [atomic] its function has trapped */
};

static void
timer_release(struct object *object)
{
	(void)timer_event_cancel(&((struct timer *)object)->event);
}

HANDLE_DEFINE(timer, timer_release);
HANDLE_REFERENCES(timer);

static struct timer *
timer_of(struct timer_event *event)
{
	/* SAFETY: only timer_create makes an event with timer_fire, as the first member of a struct timer. */
	return (struct timer *)event;
}

/** Takes the next event that is due off the queue and marks it running; null: none, and the hardware is armed. */
static struct timer_event *
queue_next(struct timer_queue *queue, bool *tick)
{
	RAW_SCOPE(&queue->lock);
	struct timer_event *event;
	u64 now = arch_clock_ns();
	for (;;) {
		event = event_tree_first(&queue->events);
		if (event == nullptr || event->deadline_ns > now) {
			event = nullptr;
			break;
		}
		queue_remove(queue, event);
		/* A timer gets a reference for the run, unless it is being released, which waits for this lock. */
		if (event->fn != timer_fire || heap_hold_live(&timer_handle_type, timer_of(event)))
			break;
	}
	__atomic_store_n(&queue->running, event, __ATOMIC_SEQ_CST);
	*tick = event == nullptr && queue->tick_ns <= now;
	if (*tick)
		queue->tick_ns = TIME_NEVER;
	if (event == nullptr) {
		queue->armed_ns = 0;
		queue_arm(queue);
	}
	return event;
}

void
timer_interrupt(void)
{
	struct timer_queue *queue = &queues[this_cpu()->id];
	struct timer_event *event;
	bool tick;
	while ((event = queue_next(queue, &tick)) != nullptr) {
		event->fn(event);
		__atomic_store_n(&queue->running, nullptr, __ATOMIC_RELEASE);
	}
	if (tick)
		sched_tick();
}

/* --- what services ask --- */

static void
timer_fire(struct timer_event *event)
{
	struct timer *timer = timer_of(event);
	if (!CONTAINED(timer->fn(timer->arg))) {
		__atomic_store_n(&timer->dead, 1, __ATOMIC_RELAXED);
		timer_event_cancel(&timer->event);
		log_warn("a timer's function trapped: it will not run again");
	}
	__atomic_store_n(&queues[this_cpu()->id].running, nullptr, __ATOMIC_RELEASE);
	heap_drop(&timer_handle_type, timer);
}

err_t
timer_create(timer_fn *fn, struct object *arg, struct timer **out)
{
	if (fn == nullptr)
		misuse("timer without a function");
	struct timer *timer = (struct timer *)heap_alloc(&timer_handle_type);
	if (timer == nullptr)
		return ENOMEM;
	timer->fn = fn;
	timer->arg = arg;
	timer->event.fn = timer_fire;
	heap_publish(&timer_handle_type, timer);
	*out = timer;
	return OK;
}

void
timer_set(struct timer *timer, u64 deadline_ns)
{
	HANDLE_SCOPE(timer, timer);
	if (__atomic_load_n(&timer->dead, __ATOMIC_RELAXED) == 0)
		timer_event_set(&timer->event, deadline_ns);
}

bool
timer_cancel(struct timer *timer)
{
	HANDLE_SCOPE(timer, timer);
	return timer_event_cancel(&timer->event);
}

bool
timer_cancel_sync(struct timer *timer)
{
	if (irq_context())
		misuse("timer_cancel_sync in an interrupt handler");
	HANDLE_SCOPE(timer, timer);
	bool was = timer_event_cancel(&timer->event);
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		while (__atomic_load_n(&queues[cpu].running, __ATOMIC_SEQ_CST) == &timer->event)
			arch_pause();
	/* A function that set its timer anew has done so by now. */
	return timer_event_cancel(&timer->event) || was;
}
