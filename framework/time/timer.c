// SPDX-License-Identifier: MPL-2.0
/**
 * Timers: a pairing heap of events per CPU, served by that CPU's timer interrupt.
 *
 * An event belongs to the queue of `event->cpu`; it moves to the calling CPU when it is set there, unless its function is running. Each set,
 * cancel and expiry is one critical section of that queue's lock. Functions run with no lock held; `running` says which.
 *
 * A `struct timer` in a queue has no reference: its release takes it out. Its function runs with one, taken as it leaves the queue.
 */
#include <irq/interrupt.h>
#include <mm/mm.h>
#include <sync/lock.h>
#include <sync/raw_lock.h>
#include <time/event.h>

static struct timer_queue {
	struct raw_lock lock;
	struct timer_event *first GUARDED_BY(&lock);
	u64 tick_ns GUARDED_BY(&lock);         /* the scheduler's */
	u64 armed_ns GUARDED_BY(&lock);        /* what the hardware is set to; 0: unknown */
	struct timer_event *running;          /* [atomic] written by its CPU */
} queues[CPU_MAX] __attribute__((aligned(64))) = { [0 ... CPU_MAX - 1] = { .tick_ns = TIME_NEVER } };

/* --- pairing heap --- */

static struct timer_event *
heap_meld(struct timer_event *a, struct timer_event *b)
{
	if (a == nullptr || b == nullptr)
		return a != nullptr ? a : b;
	if (b->deadline_ns < a->deadline_ns)
		return heap_meld(b, a);
	b->prev = a;
	b->next = a->child;
	if (a->child != nullptr)
		a->child->prev = b;
	a->child = b;
	return a;
}

/** One heap of a list of siblings: melded in pairs from the left, then from the right into one. */
static struct timer_event *
heap_meld_all(struct timer_event *list)
{
	struct timer_event *pairs = nullptr, *heap = nullptr;
	while (list != nullptr) {
		struct timer_event *a = list, *b = a->next;
		list = b != nullptr ? b->next : nullptr;
		a->next = a->prev = nullptr;
		if (b != nullptr)
			b->next = b->prev = nullptr;
		a = heap_meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs != nullptr) {
		struct timer_event *next = pairs->next;
		pairs->next = nullptr;
		heap = heap_meld(heap, pairs);
		pairs = next;
	}
	return heap;
}

static void
queue_insert(struct timer_queue *queue, struct timer_event *event, u64 deadline_ns) MUST_HOLD(&queue->lock)
{
	event->deadline_ns = deadline_ns;
	event->child = event->next = event->prev = nullptr;
	event->queued = true;
	queue->first = heap_meld(queue->first, event);
}

static void
queue_remove(struct timer_queue *queue, struct timer_event *event) MUST_HOLD(&queue->lock)
{
	struct timer_event *below = heap_meld_all(event->child);
	event->queued = false;
	if (event == queue->first) {
		queue->first = below;
		return;
	}
	if (event->prev->child == event)
		event->prev->child = event->next;
	else
		event->prev->next = event->next;
	if (event->next != nullptr)
		event->next->prev = event->prev;
	queue->first = heap_meld(queue->first, below);
}

/* --- events --- */

/** Sets this CPU's hardware to the earliest of what is wanted. It is never set later: it fires for nothing once, and is set right then. */
static void
queue_arm(struct timer_queue *queue) MUST_HOLD(&queue->lock)
{
	u64 at = queue->tick_ns;
	if (queue->first != nullptr)
		at = MIN(at, queue->first->deadline_ns);
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

void
timer_event_set(struct timer_event *event, u64 deadline_ns) NO_THREAD_SAFETY("the lock comes from event_lock")
{
	for (;;) {
		u64 flags;
		struct timer_queue *queue = event_lock(event, &flags);
		u32 here = this_cpu()->id;
		bool stays = queue == &queues[here] || __atomic_load_n(&queue->running, __ATOMIC_RELAXED) == event;
		if (event->queued)
			queue_remove(queue, event);
		if (stays && deadline_ns != TIME_NEVER)
			queue_insert(queue, event, deadline_ns);
		if (stays && queue == &queues[here])
			queue_arm(queue);   /* else its CPU does once the function has returned */
		if (!stays)
			__atomic_store_n(&event->cpu, here, __ATOMIC_RELEASE);
		raw_release(&queue->lock, flags);
		if (stays || deadline_ns == TIME_NEVER)
			return;
	}
}

bool
timer_event_cancel(struct timer_event *event) NO_THREAD_SAFETY("the lock comes from event_lock")
{
	u64 flags;
	struct timer_queue *queue = event_lock(event, &flags);
	bool was = event->queued;
	if (was)
		queue_remove(queue, event);   /* the hardware may fire for nothing */
	raw_release(&queue->lock, flags);
	return was;
}

void
timer_tick_set(u64 deadline_ns)
{
	struct timer_queue *queue = &queues[this_cpu()->id];
	u64 flags = raw_acquire(&queue->lock);
	queue->tick_ns = deadline_ns;
	queue_arm(queue);
	raw_release(&queue->lock, flags);
}

static void timer_fire(struct timer_event *event);
static bool timer_enter(struct timer_event *event);

/** Takes the next event that is due off the queue and marks it running; null: none, and the hardware is armed. */
static struct timer_event *
queue_next(struct timer_queue *queue, bool *tick)
{
	u64 flags = raw_acquire(&queue->lock);
	struct timer_event *event;
	u64 now = arch_clock_ns();
	for (;;) {
		event = queue->first;
		if (event == nullptr || event->deadline_ns > now) {
			event = nullptr;
			break;
		}
		queue_remove(queue, event);
		if (event->fn != timer_fire || timer_enter(event))
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
	raw_release(&queue->lock, flags);
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

/* --- timers of services --- */

struct timer {
	struct timer_event event;   /* first: an event with timer_fire is a timer */
	timer_fn *fn;               /* [const] */
	struct object *arg;         /* [const] */
	u32 dead;                   /* [atomic] its function has trapped */
};

static void
timer_release(struct object *object)
{
	timer_event_cancel(&((struct timer *)object)->event);
}

HANDLE_DEFINE(timer, timer_release);

static struct timer *
timer_of(struct timer_event *event)
{
	/* SAFETY: only timer_create makes an event with timer_fire, as the first member of a struct timer. */
	return (struct timer *)event;
}

/** A reference for the run, unless it is being released, which waits for the queue's lock. */
static bool
timer_enter(struct timer_event *event)
{
	return heap_hold_live(&timer_handle_type, timer_of(event));
}

static void
timer_fire(struct timer_event *event)
{
	struct timer *timer = timer_of(event);
	struct contain_frame frame;
	if (contain_begin(&frame) == 0) {
		timer->fn(timer->arg);
		contain_expect_balance(&frame);
		contain_end(&frame);
	} else {
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
	*out = timer;
	return OK;
}

void
timer_set(struct timer *timer, u64 deadline_ns)
{
	handle_enter(&timer_handle_type, timer);
	if (__atomic_load_n(&timer->dead, __ATOMIC_RELAXED) == 0)
		timer_event_set(&timer->event, deadline_ns);
	handle_leave(&timer_handle_type, timer);
}

bool
timer_cancel(struct timer *timer)
{
	handle_enter(&timer_handle_type, timer);
	bool was = timer_event_cancel(&timer->event);
	handle_leave(&timer_handle_type, timer);
	return was;
}

bool
timer_cancel_sync(struct timer *timer)
{
	if (irq_context())
		misuse("timer_cancel_sync in an interrupt handler");
	handle_enter(&timer_handle_type, timer);
	bool was = timer_event_cancel(&timer->event);
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		while (__atomic_load_n(&queues[cpu].running, __ATOMIC_SEQ_CST) == &timer->event)
			arch_pause();
	/* A function that set its timer anew has done so by now. */
	was |= timer_event_cancel(&timer->event);
	handle_leave(&timer_handle_type, timer);
	return was;
}

void
timer_get(struct timer *timer)
{
	heap_get(&timer_handle_type, (struct object *)timer);
}

void
timer_put(struct timer *timer)
{
	heap_put(&timer_handle_type, (struct object *)timer);
}
