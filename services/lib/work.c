// SPDX-License-Identifier: MPL-2.0
/**
 * Work items: queues per CPU, one worker task each, which are started when the first item is made.
 *
 * An item that runs is queued behind itself, at the same worker, so it never runs twice at once. A queued item has a reference, which
 * the worker puts after the run.
 */
#include "work.h"
#include <cadre/atomic.h>
#include <cadre/contain.h>
#include <cadre/cpu.h>
#include <cadre/list.h>
#include <cadre/sync.h>

enum : u32 { WORK_QUEUED = 1, WORK_RUNNING = 2, WORK_DEAD = 4 };

struct work {
	LIST_LINK(struct work) link;    /* the lock of the queue of `cpu` */
	struct atomic32 state;          /* WORK_* */
	struct atomic32 cpu;            /* where it is queued or runs; written by who queues it while it is idle */
	work_fn *fn;                    /* [const] */
	struct object *arg;             /* [const] */
	struct task *runner;            /* [atomic] written by its worker */
	struct wait_queue done;
};
OBJECT_DEFINE(work);
LIST_OF(work_list, struct work, link);

struct work_queue {
	struct irq_spin_lock lock;
	struct work_list items GUARDED_BY(&lock);
	struct atomic32 pending;        /* 1: there are items; changed under the lock */
	struct wait_queue wait;
};
static struct work_queue queues[CPU_MAX];

static struct mutex starting;
static u32 started GUARDED_BY(&starting);   /* workers made */
static struct atomic32 workers;             /* of them, how many have begun */

static struct work *
queue_pop(struct work_queue *queue)
{
	IRQ_SPIN_SCOPE(&queue->lock);
	struct work *work = work_list_pop_front(&queue->items);
	atomic32_store(&queue->pending, work_list_empty(&queue->items) ? 0 : 1);
	return work;
}

static void
queue_push(struct work_queue *queue, struct work *work)
{
	IRQ_SPIN_SCOPE(&queue->lock);
	work_list_push_back(&queue->items, work);
	atomic32_store(&queue->pending, 1);
}

/** The whole of a run. It is contained as well: who has put the item too often has taken the queue's reference. */
static void
work_run(struct object *object)
{
	struct work *work = work_from(object);
	POINTER_PUBLISH(work->runner, task_current());
	(void)atomic32_or(&work->state, WORK_RUNNING);
	(void)atomic32_and(&work->state, ~(u32)WORK_QUEUED);
	if ((atomic32_load(&work->state) & WORK_DEAD) == 0 && !contain_call(work->fn, work->arg)) {
		(void)atomic32_or(&work->state, WORK_DEAD);
		log_warn("a work item trapped: it will not run again");
	}
	POINTER_PUBLISH(work->runner, nullptr);
	(void)atomic32_and(&work->state, ~(u32)WORK_RUNNING);
	(void)wake_all(&work->done);
	work_put(work);
}

static void
worker(struct object *unused)
{
	(void)unused;
	struct work_queue *queue = ELEM(queues, atomic32_add(&workers, 1));
	for (;;) {
		(void)WAIT_UNTIL(&queue->wait, atomic32_load(&queue->pending) != 0, WAIT_PLAIN, TIME_NEVER);
		struct work *work = queue_pop(queue);
		if (work != nullptr)
			(void)contain_call(work_run, work_object(work));
	}
}

static err_t
workers_start(void)
{
	MUTEX_SCOPE(&starting);
	while (started < cpu_count()) {
		struct task *task = nullptr;
		TRY(task_create(worker, nullptr, TEXT("worker"), &task));
		(void)task_start(task);
		task_put(task);
		started += 1;
	}
	return OK;
}

err_t
work_create(work_fn *fn, struct object *arg, struct work **scoped out)
{
	assert(fn != nullptr);
	TRY(workers_start());
	struct work *work = work_alloc();
	if (work == nullptr)
		return ENOMEM;
	work->fn = fn;
	work->arg = arg;
	*out = work;
	return OK;
}

bool
work_queue(struct work *work)
{
	work_get(work);
	bool dead = (atomic32_load(&work->state) & WORK_DEAD) != 0;
	u32 old = dead ? WORK_QUEUED : atomic32_or(&work->state, WORK_QUEUED);
	if ((old & WORK_QUEUED) != 0) {
		work_put(work);
		return false;
	}
	preempt_disable();
	if ((old & WORK_RUNNING) == 0)
		atomic32_store(&work->cpu, cpu_current());
	preempt_enable();
	struct work_queue *queue = ELEM(queues, atomic32_load(&work->cpu));
	queue_push(queue, work);
	(void)wake_one(&queue->wait);
	return true;   /* the reference is the queue's now */
}

err_t
work_flush(struct work *work)
{
	work_get(work);
	err_t result = EDEADLK;
	if (POINTER_LOAD(work->runner) != task_current())
		result = WAIT_UNTIL(&work->done, (atomic32_load(&work->state) & (WORK_QUEUED | WORK_RUNNING)) == 0, WAIT_PLAIN,
		                    TIME_NEVER);
	work_put(work);
	return result;
}
