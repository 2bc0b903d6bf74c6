// SPDX-License-Identifier: MPL-2.0
/**
 * A service that does everything wrong that a service can do, in Safe C: no word of this is refused, and each of it
 * must be contained.
 */
#include "trap_service.h"
#include <cadre/atomic.h>
#include <cadre/contain.h>
#include <cadre/log.h>
#include <cadre/object.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <work.h>

struct victim {
	u32 value;
	struct victim *next;
	void (*fn)(u32);
};
OBJECT_DECLARE(victim);
OBJECT_DEFINE(victim);
ARRAY_DECLARE(victim_array, u64);
ARRAY_DEFINE(victim_array, u64);

/** What a task, a timer or a work item is to do. */
struct order {
	u32 kind;
	bool locked;
	struct atomic32 begun;
};
OBJECT_DECLARE(order);
OBJECT_DEFINE(order);

/* What the compiler must not know the value of: trap_service_set could change it, and trap_service_sink look at it. */
static struct {
	u32 zero, index, shift;
	i32 largest;
	struct victim *null;
} unknown = { 0, 4, 32, 0x7fffffff, nullptr };
static u32 table[4];
static u32 sink;

void
trap_service_set(u32 zero, u32 index, u32 shift, i32 largest, struct object *null)
{
	unknown.zero = zero;
	unknown.index = index;
	unknown.shift = shift;
	unknown.largest = largest;
	unknown.null = null != nullptr ? victim_from(null) : nullptr;
}

u32
trap_service_sink(void)
{
	return sink;
}

static struct {
	struct spin_lock spin;
	struct irq_spin_lock irq_spin;
	struct mutex mutex;
	struct rw_lock reading, writing;
} locks;

/* --- the traps --- */

static void trap_index(void) { sink = table[unknown.index]; }
static void trap_element(void) { sink = *ELEM(table, unknown.index); }
static void trap_null(void) { sink = unknown.null->value; }
static void trap_null_write(void) { unknown.null->next = unknown.null; }
static void trap_overflow(void) { unknown.largest += 1; }
static void trap_division(void) { sink = 1 / unknown.zero; }
static void trap_shift(void) { sink = 1u << unknown.shift; }
static void trap_assertion(void) { assert(unknown.zero != 0); }
static void trap_on_purpose(void) { contain_trap(TEXT("on purpose")); }
static void trap_slice(void) { sink = cbytes_get(TEXT("abc"), unknown.index); }
static void trap_downcast(void) { sink = victim_from(nullptr)->value; }

static void
trap_call(void)
{
	struct victim *victim = victim_alloc();
	if (victim == nullptr)
		return;
	auto fn = victim->fn;
	victim_put(victim);
	fn(1);
}

static void
trap_double_put(void)
{
	struct victim *victim = victim_alloc();
	victim_put(victim);
	victim_put(victim);
}

/** Runaway recursion: each call adds to what the one above it has. */
static u32
recurse(u32 depth)
{
	u32 local[16] = {};
	if (unknown.zero != 0)
		return depth;
	local[depth % 16] = depth;
	u32 below = recurse(depth + 1);
	return below + local[below % 16];
}

static void trap_recursion(void) { sink = recurse(0); }

typedef void trap_fn(void);
static trap_fn *const traps[] = {
	trap_index, trap_element, trap_null, trap_null_write, trap_overflow, trap_division, trap_shift, trap_assertion, trap_on_purpose,
	trap_slice, trap_downcast, trap_call, trap_double_put, trap_recursion,
};

u32
trap_service_kinds(void)
{
	return (u32)COUNTOF(traps);
}

/* --- where they are committed --- */

/** With every kind of lock held, and a read section. */
static void
trap_locked(trap_fn *fn)
{
	MUTEX_SCOPE(&locks.mutex);
	RW_READ_SCOPE(&locks.reading);
	RW_WRITE_SCOPE(&locks.writing);
	SPIN_SCOPE(&locks.spin);
	IRQ_SPIN_SCOPE(&locks.irq_spin);
	RCU_SCOPE();
	fn();
}

static void
commit(struct object *arg)
{
	struct order *order = order_from(arg);
	atomic32_store(&order->begun, 1);
	if (order->locked)
		trap_locked(traps[order->kind]);
	else
		traps[order->kind]();
}

/** In an interrupt handler: with the one kind of lock it may have. */
static void
commit_in_handler(struct object *arg)
{
	struct order *order = order_from(arg);
	IRQ_SPIN_SCOPE(&locks.irq_spin);
	atomic32_store(&order->begun, 1);
	traps[order->kind]();
}

/** Whether all locks are free again, and say that a holder trapped; mends them. Returns the number that are not. */
static u32
locks_check(void)
{
	u32 wrong = 0;

	{
		SPIN_SCOPE(&locks.spin);
		wrong += spin_poisoned(&locks.spin) ? 0 : 1;
		spin_clear_poison(&locks.spin);
	}
	{
		MUTEX_SCOPE(&locks.mutex);
		wrong += mutex_poisoned(&locks.mutex) ? 0 : 1;
		mutex_clear_poison(&locks.mutex);
	}
	{
		RW_WRITE_SCOPE(&locks.reading);
		RW_WRITE_SCOPE(&locks.writing);
		wrong += rw_poisoned(&locks.writing) ? 0 : 1;
	}
	IRQ_SPIN_SCOPE(&locks.irq_spin);
	return wrong;
}

/** An order, as a reference of the caller's; null when memory is gone. */
static struct order *
order_make(u32 kind, bool locked)
{
	struct order *order = order_alloc();
	if (order != nullptr) {
		order->kind = kind;
		order->locked = locked;
	}
	return order;
}

static u32
task_once(struct order *order)
{
	struct task *task = nullptr;
	u32 wrong = 0;

	if (task_create(commit, order_object(order), TEXT("trap service"), &task) != OK || task_start(task) != OK)
		return 1;
	wrong += task_join(task, clock_now() + 40 * NS_PER_SEC) == OK && task_ended(task) == TASK_TRAPPED ? 0 : 1;
	task_put(task);
	return wrong + (order->locked ? locks_check() : 0);
}

u32
trap_service_in_task(u32 kind, bool locked, u32 rounds)
{
	struct order *order = order_make(kind, locked);
	u32 wrong = 0;

	if (order == nullptr)
		return 1;
	for (u32 i = 0; i < rounds; i++)
		wrong += task_once(order);
	order_put(order);
	return wrong;
}

/** Waits until the handler has begun and a trap more than `before` has been contained. */
static u32
trap_wait(struct order *order, u64 before)
{
	u64 deadline = clock_now() + 40 * NS_PER_SEC;

	while (atomic32_load(&order->begun) == 0 || contain_count() == before) {
		if (clock_now() > deadline)
			return 1;
		(void)task_sleep_until(clock_now() + NS_PER_MS, false);
	}
	IRQ_SPIN_SCOPE(&locks.irq_spin);
	return 0;
}

u32
trap_service_in_timer(u32 kind)
{
	struct order *order = order_make(kind, false);
	struct timer *timer = nullptr;
	u64 before = contain_count();
	u32 wrong = 0;

	if (order == nullptr || timer_create(commit_in_handler, order_object(order), &timer) != OK)
		return 1;
	/* It interrupts this task, on this task's stack. */
	preempt_disable();
	timer_set(timer, clock_now());
	for (u64 deadline = clock_now() + 40 * NS_PER_SEC; contain_count() == before && clock_now() < deadline;)
		continue;
	preempt_enable();
	wrong += trap_wait(order, before);
	/* Once is enough: it is not called again. */
	before = contain_count();
	timer_set(timer, clock_now());
	(void)task_sleep_until(clock_now() + 2 * NS_PER_MS, false);
	(void)timer_cancel_sync(timer);
	wrong += contain_count() == before ? 0 : 1;
	timer_put(timer);
	order_put(order);
	return wrong;
}

u32
trap_service_in_work(u32 kind)
{
	struct order *order = order_make(kind, true);
	struct work *work = nullptr;
	u64 before = contain_count();
	u32 wrong = 0;

	if (order == nullptr || work_create(commit, order_object(order), &work) != OK)
		return 1;
	(void)work_queue(work);
	wrong += trap_wait(order, before);
	wrong += work_flush(work) == OK ? 0 : 1;
	before = contain_count();
	(void)work_queue(work);
	wrong += work_flush(work) == OK && contain_count() == before ? 0 : 1;
	wrong += locks_check();
	work_put(work);
	order_put(order);
	return wrong;
}

/* --- memory that is gone --- */

static void
read_dangling(struct object *unused)
{
	(void)unused;
	for (u32 len = 1; len <= 1 << 17; len *= 2) {
		struct victim_array *array = victim_array_alloc(len);
		if (array == nullptr)
			return;
		victim_array_put(array);
		sink = (u32)array->items[0];
	}
}

u32
trap_service_dangling(void)
{
	struct task *task = nullptr;

	if (task_create(read_dangling, nullptr, TEXT("dangling"), &task) != OK || task_start(task) != OK)
		return 1;
	err_t err = task_join(task, clock_now() + 40 * NS_PER_SEC);
	task_put(task);
	return err == OK ? 0 : 1;
}
