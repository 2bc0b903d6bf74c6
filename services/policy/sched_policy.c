// SPDX-License-Identifier: MPL-2.0
/**
 * The scheduling policy: who has run least runs next.
 *
 * Each CPU has a tree of its ready tasks in the order of virtual run time. A task that has slept starts near the queue's minimum, a little
 * ahead as a credit; one that has used its slice while others are ready is preempted; a CPU with nothing to do takes from the fullest
 * queue. Times of two queues do not compare: a task that moves keeps its distance to the minimum.
 *
 * Lock order: one queue's lock at a time, a leaf. `load` and `minimum` are read without it, as hints.
 */
#include <cadre/atomic.h>
#include <cadre/policy.h>
#include <cadre/rbtree.h>

enum : u64 {
	SLICE = 3 * NS_PER_MS,
	SLEEPER_CREDIT = 2 * NS_PER_MS,
	WAKE_GRANULARITY = NS_PER_MS / 2,   /* how much less than the running task a woken one must have run to preempt it */
};

struct sched_entity {
	struct task *task;                  /* [const] */
	u64 vruntime;                       /* its queue's lock while queued; else of the CPU that runs it */
	u64 slice_ns;                       /* likewise: used since it was picked */
	u64 order;                          /* likewise: tells equal vruntimes apart */
	u32 cpu;                            /* likewise: whose minimum vruntime relates to */
	bool queued;                        /* its queue's lock */
	RBTREE_LINK(struct sched_entity) link;
};
OBJECT_DECLARE(sched_entity);
OBJECT_DEFINE(sched_entity);

static int
entity_compare(const struct sched_entity *scoped a, const struct sched_entity *scoped b)
{
	if (a->vruntime != b->vruntime)
		return a->vruntime < b->vruntime ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order ? 1 : 0;
}

RBTREE_OF(entity_tree, struct sched_entity, link, entity_compare);

struct run_queue {
	struct irq_spin_lock lock;
	struct entity_tree ready GUARDED_BY(&lock);
	u64 last_order GUARDED_BY(&lock);
	struct atomic64 minimum;            /* never falls; changed under the lock */
	struct atomic64 running;            /* the running task's vruntime */
	struct atomic32 nready;             /* changed under the lock */
	struct atomic32 busy;               /* 1: the CPU runs a task */
};
static struct run_queue queues[CPU_MAX];

static u32
queue_load(u32 cpu)
{
	struct run_queue *queue = ELEM(queues, cpu);
	return atomic32_load_relaxed(&queue->nready) + atomic32_load_relaxed(&queue->busy);
}

static void
queue_advance(struct run_queue *queue, u64 vruntime) MUST_HOLD(&queue->lock)
{
	if (vruntime > atomic64_load_relaxed(&queue->minimum))
		atomic64_store_relaxed(&queue->minimum, vruntime);
}

static void
queue_insert(struct run_queue *queue, struct sched_entity *entity) MUST_HOLD(&queue->lock)
{
	queue->last_order += 1;
	entity->order = queue->last_order;
	entity->queued = entity_tree_insert(&queue->ready, entity);
	(void)atomic32_add_relaxed(&queue->nready, 1);
}

static void
queue_remove(struct run_queue *queue, struct sched_entity *entity) MUST_HOLD(&queue->lock)
{
	entity_tree_remove(&queue->ready, entity);
	entity->queued = false;
	(void)atomic32_sub(&queue->nready, 1);
}

/** Makes vruntime one of `cpu`'s queue. */
static void
entity_move(struct sched_entity *entity, u32 cpu)
{
	u64 from = atomic64_load_relaxed(&ELEM(queues, entity->cpu)->minimum), to = atomic64_load_relaxed(&ELEM(queues, cpu)->minimum);
	u64 ahead = entity->vruntime > from ? entity->vruntime - from : 0;
	u64 behind = entity->vruntime < from ? from - entity->vruntime : 0;
	entity->vruntime = to > behind ? to - behind + ahead : ahead;
	entity->cpu = cpu;
}

/** Where in the order a task comes that becomes ready. */
static void
entity_place(struct run_queue *queue, struct sched_entity *entity, enum sched_reason reason) MUST_HOLD(&queue->lock)
{
	u64 minimum = atomic64_load_relaxed(&queue->minimum), credit = reason == SCHED_WAKE ? SLEEPER_CREDIT : 0;
	struct sched_entity *last = entity_tree_last(&queue->ready);
	entity->vruntime = MAX(entity->vruntime, minimum > credit ? minimum - credit : 0);
	if (reason == SCHED_YIELD && last != nullptr)
		entity->vruntime = MAX(entity->vruntime, last->vruntime);
}

static err_t
fair_task_init(struct task *task, struct object **scoped out)
{
	struct sched_entity *entity = sched_entity_alloc();
	if (entity == nullptr)
		return ENOMEM;
	entity->task = task;
	*out = sched_entity_object(entity);
	return OK;
}

static void
fair_task_fini(struct object *object)
{
	sched_entity_put(sched_entity_from(object));
}

/** The CPU it ran on where that is idle, else one that is, else for a new task the least loaded. */
static u32
fair_select_cpu(struct object *object, u32 last_cpu, enum sched_reason reason)
{
	u32 best = last_cpu, best_load = queue_load(last_cpu);
	(void)object;
	if (reason == SCHED_YIELD || reason == SCHED_PREEMPTED)
		return last_cpu;
	for (u32 cpu = 0; cpu < cpu_count() && best_load != 0; cpu++) {
		u32 load = queue_load(cpu);
		if (load == 0 || (reason == SCHED_NEW && load < best_load)) {
			best = cpu;
			best_load = load;
		}
	}
	return best;
}

static bool
fair_enqueue(struct object *object, u32 cpu, enum sched_reason reason)
{
	struct sched_entity *entity = sched_entity_from(object);
	struct run_queue *queue = ELEM(queues, cpu);
	IRQ_SPIN_SCOPE(&queue->lock);
	if (entity->queued)
		return false;
	if (entity->cpu != cpu)
		entity_move(entity, cpu);
	entity_place(queue, entity, reason);
	queue_insert(queue, entity);
	if (atomic32_load_relaxed(&queue->busy) == 0)
		return true;
	return reason == SCHED_WAKE && entity->vruntime + WAKE_GRANULARITY < atomic64_load_relaxed(&queue->running);
}

/** The first of `cpu`'s queue, taken off; null: it is empty. */
static struct sched_entity *
queue_take(u32 cpu)
{
	struct run_queue *queue = ELEM(queues, cpu);
	IRQ_SPIN_SCOPE(&queue->lock);
	struct sched_entity *entity = entity_tree_first(&queue->ready);
	if (entity != nullptr) {
		queue_remove(queue, entity);
		queue_advance(queue, entity->vruntime);
	}
	return entity;
}

/** A task from the fullest other queue. */
static struct sched_entity *
queue_steal(u32 thief)
{
	u32 victim = thief, most = 0;
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		u32 nready = atomic32_load_relaxed(&ELEM(queues, cpu)->nready);
		if (cpu != thief && nready > most) {
			victim = cpu;
			most = nready;
		}
	}
	struct sched_entity *entity = most != 0 ? queue_take(victim) : nullptr;
	if (entity != nullptr)
		entity_move(entity, thief);
	return entity;
}

static struct task *
fair_pick(u32 cpu)
{
	struct run_queue *queue = ELEM(queues, cpu);
	struct sched_entity *entity = queue_take(cpu);
	if (entity == nullptr) {
		/* Idle before it looks elsewhere: who enqueues from now on sends a call. */
		atomic32_store(&queue->busy, 0);
		entity = queue_steal(cpu);
	}
	if (entity == nullptr)
		return nullptr;
	entity->slice_ns = 0;
	atomic64_store_relaxed(&queue->running, entity->vruntime);
	atomic32_store(&queue->busy, 1);
	return entity->task;
}

static bool
fair_tick(struct object *object, u32 cpu, u64 ran_ns)
{
	struct sched_entity *entity = sched_entity_from(object);
	struct run_queue *queue = ELEM(queues, cpu);
	IRQ_SPIN_SCOPE(&queue->lock);
	entity->vruntime += ran_ns;
	entity->slice_ns += ran_ns;
	atomic64_store_relaxed(&queue->running, entity->vruntime);
	struct sched_entity *first = entity_tree_first(&queue->ready);
	queue_advance(queue, first != nullptr ? MIN(first->vruntime, entity->vruntime) : entity->vruntime);
	return first != nullptr && entity->slice_ns >= SLICE && first->vruntime <= entity->vruntime;
}

static u64
fair_next_tick(struct object *object, u32 cpu, u64 now_ns)
{
	struct sched_entity *entity = sched_entity_from(object);
	if (atomic32_load(&ELEM(queues, cpu)->nready) == 0)
		return TIME_NEVER;
	return now_ns + (entity->slice_ns < SLICE ? SLICE - entity->slice_ns : SLICE / 4);
}

const struct sched_policy sched_policy = {
	.task_init = fair_task_init,
	.task_fini = fair_task_fini,
	.select_cpu = fair_select_cpu,
	.enqueue = fair_enqueue,
	.pick = fair_pick,
	.tick = fair_tick,
	.next_tick = fair_next_tick,
};
