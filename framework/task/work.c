// SPDX-License-Identifier: MPL-2.0
/**
 * Work items: queues per CPU, one worker task each.
 *
 * An item that runs is queued behind itself, at the same worker, so it never runs twice at once. A queued item has a reference of the
 * framework's; the worker drops it after the run.
 */
#include <cadre/work.h>
#include <mm/mm.h>
#include <sync/lock.h>
#include <sync/raw_lock.h>

enum : u32 { WORK_QUEUED = 1, WORK_RUNNING = 2 };

struct work {
	struct work *next;          /* the lock of the queue of `cpu` */
	u32 state;                  /* [atomic] WORK_* */
	u32 cpu;                    /* [atomic] where it is queued or runs */
	u32 dead;                   /* [atomic] it has trapped */
	work_fn *fn;                /* [const] */
	struct object *arg;         /* [const] */
	struct task *runner;        /* [atomic] */
	struct wait_queue done;
};

HANDLE_DEFINE(work, nullptr);

static struct work_queue {
	struct raw_lock lock;
	struct work *first GUARDED_BY(&lock), *last GUARDED_BY(&lock);
	u32 pending;                /* [atomic] the list is not empty */
	struct wait_queue wait;
} queues[CPU_MAX] __attribute__((aligned(64)));

static u32 workers;             /* [atomic] that have started */

err_t
work_create(work_fn *fn, struct object *arg, struct work **out)
{
	if (fn == nullptr)
		misuse("work without a function");
	struct work *work = (struct work *)heap_alloc(&work_handle_type);
	if (work == nullptr)
		return ENOMEM;
	work->fn = fn;
	work->arg = arg;
	*out = work;
	return OK;
}

static void
queue_push(struct work_queue *queue, struct work *work)
{
	u64 flags = raw_acquire(&queue->lock);
	work->next = nullptr;
	*(queue->first == nullptr ? &queue->first : &queue->last->next) = work;
	queue->last = work;
	__atomic_store_n(&queue->pending, 1, __ATOMIC_SEQ_CST);
	raw_release(&queue->lock, flags);
	wake_one(&queue->wait);
}

static struct work *
queue_pop(struct work_queue *queue)
{
	u64 flags = raw_acquire(&queue->lock);
	struct work *work = queue->first;
	if (work != nullptr)
		queue->first = work->next;
	__atomic_store_n(&queue->pending, queue->first != nullptr, __ATOMIC_SEQ_CST);
	raw_release(&queue->lock, flags);
	return work;
}

bool
work_queue(struct work *work)
{
	handle_enter(&work_handle_type, work);
	u32 old = __atomic_fetch_or(&work->state, WORK_QUEUED, __ATOMIC_SEQ_CST);
	if ((old & WORK_QUEUED) != 0 || __atomic_load_n(&work->dead, __ATOMIC_RELAXED) != 0) {
		if ((old & WORK_QUEUED) == 0)
			__atomic_fetch_and(&work->state, ~(u32)WORK_QUEUED, __ATOMIC_SEQ_CST);
		handle_leave(&work_handle_type, work);
		return false;
	}
	u64 flags = arch_irq_save();
	if ((old & WORK_RUNNING) == 0)
		__atomic_store_n(&work->cpu, this_cpu()->id, __ATOMIC_RELAXED);
	arch_irq_restore(flags);
	queue_push(&queues[__atomic_load_n(&work->cpu, __ATOMIC_RELAXED) % CPU_MAX], work);
	return true;   /* the call's reference is the queue's now */
}

static void
work_run(struct work *work)
{
	struct contain_frame frame;
	__atomic_store_n(&work->runner, task_self(), __ATOMIC_RELAXED);
	__atomic_store_n(&work->state, WORK_RUNNING, __ATOMIC_SEQ_CST);
	if (contain_begin(&frame) == 0) {
		work->fn(work->arg);
		contain_expect_balance(&frame);
		contain_end(&frame);
	} else {
		__atomic_store_n(&work->dead, 1, __ATOMIC_RELAXED);
		log_warn("a work item trapped: it will not run again");
	}
	__atomic_store_n(&work->runner, nullptr, __ATOMIC_RELAXED);
	__atomic_fetch_and(&work->state, ~(u32)WORK_RUNNING, __ATOMIC_SEQ_CST);
	wake_all(&work->done);
	heap_drop(&work_handle_type, work);
}

void
work_task(struct object *unused)
{
	(void)unused;
	struct work_queue *queue = &queues[__atomic_fetch_add(&workers, 1, __ATOMIC_RELAXED) % CPU_MAX];
	for (;;) {
		(void)WAIT_UNTIL(&queue->wait, __atomic_load_n(&queue->pending, __ATOMIC_SEQ_CST) != 0, WAIT_PLAIN, TIME_NEVER);
		struct work *work = queue_pop(queue);
		if (work != nullptr)
			work_run(work);
	}
}

err_t
work_flush(struct work *work)
{
	task_check_may_sleep();
	handle_enter(&work_handle_type, work);
	err_t result = EDEADLK;
	if (__atomic_load_n(&work->runner, __ATOMIC_RELAXED) != task_self())
		result = WAIT_UNTIL(&work->done, __atomic_load_n(&work->state, __ATOMIC_SEQ_CST) == 0, WAIT_PLAIN, TIME_NEVER);
	handle_leave(&work_handle_type, work);
	return result;
}

void
work_get(struct work *work)
{
	heap_get(&work_handle_type, (struct object *)work);
}

void
work_put(struct work *work)
{
	heap_put(&work_handle_type, (struct object *)work);
}
