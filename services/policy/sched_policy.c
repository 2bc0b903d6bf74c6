// SPDX-License-Identifier: MPL-2.0
/**
 * The scheduling policy: real-time tasks by priority, then the fair ones by who has run least for its weight.
 *
 * Each CPU has one tree of its ready tasks. Real-time tasks stand first in it, by priority, then first come first
 * served; fair ones follow in the order of virtual run time: time used, divided by the weight that `nice` gives. A task
 * that has slept starts near the queue's minimum, a little ahead as a credit. A CPU with nothing to do takes from the fullest
 * queue what may run on it; one with something to do evens out with the fullest now and then. Virtual times of two queues do
 * not compare: a task that moves keeps its distance to the minimum.
 *
 * Real-time tasks leave fair ones a twentieth of each second (sched(7), "Limiting the CPU usage of real-time").
 *
 * Invariant: an entity is on a tree only on behalf of the framework's "ready"; whoever takes it off either returns it from `pick`
 * or puts it on another.
 *
 * Lock order: one queue's lock at a time, a leaf. The atomics of a queue are read without it, as hints: so a tick among fair tasks takes no lock.
 */
#include <cadre/atomic.h>
#include <cadre/rbtree.h>
#include <cadre/time.h>

#include <sched_policy.h>

enum : u64 {
	SLICE = 3 * NS_PER_MS,
	SLEEPER_CREDIT = 2 * NS_PER_MS,
	WAKE_GRANULARITY = NS_PER_MS / 2,   /* how much less than the running task a woken one must have run to preempt it */
	BALANCE_PERIOD = 32 * NS_PER_MS,
	RT_PERIOD = NS_PER_SEC,
	RT_RUNTIME = RT_PERIOD / 20 * 19,
	WEIGHT_NORMAL = 1024,
	WEIGHT_IDLE = 3,
	ORDER_MIDDLE = (u64)1 << 63,
};

/** Weight of nice -20 … 19: each step is a quarter more or less, 1024 at 0. */
static const u32 nice_weights[NICE_MAX - NICE_MIN + 1] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537, 7629, 6104, 4883, 3906, 3125, 2500, 2000, 1600, 1280,
	1024, 819, 655, 524, 419, 336, 268, 215, 172, 137,
	110, 88, 70, 56, 45, 36, 29, 23, 18, 15,
};

struct sched_entity {
	struct task *task;                  /* [const] */
	struct atomic64 affinity;           /* bits of the CPUs it may run on */
	struct atomic32 priority, boost;    /* real-time priorities, 0: none: its own, and one that it is lent */
	struct atomic32 rank;               /* 0: fair; else the higher of these */
	struct atomic32 weight;             /* fair: its share */
	struct atomic32 class, nice;        /* as set */
	struct atomic64 involuntary, voluntary;
	u64 vruntime;                       /* its queue's lock while queued; else of the CPU that runs it */
	u64 slice_ns;                       /* likewise: used since it was picked */
	u64 order;                          /* likewise: tells equals apart */
	u32 queued_rank;                    /* its queue's lock: the rank it is queued with */
	struct atomic32 cpu;                /* likewise: whose minimum vruntime relates to */
	bool queued;                        /* its queue's lock */
	struct atomic32 claimed;            /* 1: on a queue, or on its way there; whoever makes it 1 puts it on one */
	RBTREE_LINK(struct sched_entity) link;
};
OBJECT_DEFINE(sched_entity);

static int
entity_compare(const struct sched_entity *scoped a, const struct sched_entity *scoped b)
{
	if (a->queued_rank != b->queued_rank)
		return a->queued_rank > b->queued_rank ? -1 : 1;
	if (a->queued_rank == 0 && a->vruntime != b->vruntime)
		return a->vruntime < b->vruntime ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order ? 1 : 0;
}

RBTREE_OF(entity_tree, struct sched_entity, link, entity_compare);

struct run_queue {
	struct irq_spin_lock lock;
	struct entity_tree ready GUARDED_BY(&lock);
	u64 last_order GUARDED_BY(&lock), first_order GUARDED_BY(&lock); /* distances from ORDER_MIDDLE, up and down */
	u64 rt_since GUARDED_BY(&lock), rt_used GUARDED_BY(&lock);
	u64 balanced GUARDED_BY(&lock);     /* when it last looked at the others */
	u64 picks GUARDED_BY(&lock);        /* tasks picked from it */
	struct sched_entity *current;       /* last picked; only ever compared with what runs */
	u32 nfair GUARDED_BY(&lock);        /* ready fair tasks */
	struct atomic32 first_rank;         /* of the first ready task, 0 where there is none; changed under the lock */
	struct atomic64 first_vruntime;     /* likewise: of the first, where that is a fair one; else a time that never comes */
	struct atomic64 busy_ns;            /* time used by all tasks; written by its CPU alone */
	struct atomic64 minimum;            /* never falls; written by its CPU alone */
	struct atomic64 running;            /* the running task's vruntime */
	struct atomic32 running_rank;
	struct atomic32 running_idle;       /* 1: what runs is SCHED_IDLE */
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

static bool
entity_allowed(const struct sched_entity *entity, u32 cpu)
{
	return cpu_set_has((struct cpu_set){ atomic64_load_relaxed(&entity->affinity) }, cpu);
}

/** On the queue's own CPU. */
static void
queue_advance(struct run_queue *queue, u64 vruntime)
{
	if (vruntime > atomic64_load_relaxed(&queue->minimum))
		atomic64_store_relaxed(&queue->minimum, vruntime);
}

/** The right to queue it. => false: it is queued: a policy new in charge is handed tasks that are on their way already. */
static bool
entity_claim(struct sched_entity *entity)
{
	return atomic32_exchange(&entity->claimed, 1) == 0;
}

/** Says who is first now. */
static inline void
queue_first_changed(struct run_queue *queue) MUST_HOLD(&queue->lock)
{
	const struct sched_entity *first = entity_tree_first(&queue->ready);
	u32 rank = first != nullptr ? first->queued_rank : 0;
	atomic32_store_relaxed(&queue->first_rank, rank);
	atomic64_store_relaxed(&queue->first_vruntime, first != nullptr && rank == 0 ? first->vruntime : ~(u64)0);
}

/** Puts it, claimed, behind its equals, or before them. */
static void
queue_insert(struct run_queue *queue, struct sched_entity *entity, bool front) MUST_HOLD(&queue->lock)
{
	queue->last_order += front ? 0 : 1;
	queue->first_order += front ? 1 : 0;
	entity->order = front ? ORDER_MIDDLE - queue->first_order : ORDER_MIDDLE + queue->last_order;
	entity->queued_rank = atomic32_load_relaxed(&entity->rank);
	entity->queued = entity_tree_insert(&queue->ready, entity);
	queue->nfair += entity->queued_rank == 0 ? 1 : 0;
	queue_first_changed(queue);
	(void)atomic32_add_relaxed(&queue->nready, 1);
}

static void
queue_remove(struct run_queue *queue, struct sched_entity *entity) MUST_HOLD(&queue->lock)
{
	entity_tree_remove(&queue->ready, entity);
	entity->queued = false;
	queue->nfair -= entity->queued_rank == 0 ? 1 : 0;
	queue_first_changed(queue);
	(void)atomic32_sub(&queue->nready, 1);
	atomic32_store(&entity->claimed, 0);
}

/** Makes vruntime one of `cpu`'s queue. */
static void
entity_move(struct sched_entity *entity, u32 cpu)
{
	u64 from = atomic64_load_relaxed(&ELEM(queues, atomic32_load_relaxed(&entity->cpu) % CPU_MAX)->minimum);
	u64 to = atomic64_load_relaxed(&ELEM(queues, cpu)->minimum);
	u64 ahead = entity->vruntime > from ? entity->vruntime - from : 0;
	u64 behind = entity->vruntime < from ? from - entity->vruntime : 0;
	entity->vruntime = to > behind ? to - behind + ahead : ahead;
	atomic32_store_relaxed(&entity->cpu, cpu);
}

/** Where in the order a fair task comes that becomes ready. */
static void
entity_place(struct run_queue *queue, struct sched_entity *entity, enum sched_reason reason) MUST_HOLD(&queue->lock)
{
	u64 minimum = atomic64_load_relaxed(&queue->minimum), credit = reason == SCHED_WAKE ? SLEEPER_CREDIT : 0;
	entity->vruntime = MAX(entity->vruntime, minimum > credit ? minimum - credit : 0);
	struct sched_entity *last = reason == SCHED_YIELD ? entity_tree_last(&queue->ready) : nullptr;
	if (last != nullptr && last->queued_rank == 0)
		entity->vruntime = MAX(entity->vruntime, last->vruntime);
}

static err_t
policy_task_init(struct task *task, struct object **scoped out)
{
	struct sched_entity *entity = sched_entity_alloc();
	if (entity == nullptr)
		return ENOMEM;
	entity->task = task;
	atomic64_store_relaxed(&entity->affinity, ~(u64)0);
	atomic32_store_relaxed(&entity->weight, WEIGHT_NORMAL);
	*out = sched_entity_object(entity);
	return OK;
}

static u32 entity_unqueue(struct sched_entity *entity);

/** Where another policy ran the task to its end meanwhile, it may be on a queue still. */
static void
policy_task_fini(struct object *object)
{
	struct sched_entity *entity = sched_entity_from(object);
	(void)entity_unqueue(entity);
	sched_entity_put(entity);
}

/** The allowed CPU with the least to do, `first` where it is as good as any; stops at an idle one. */
static u32
least_loaded(const struct sched_entity *entity, u32 first, bool idle_only)
{
	u32 best = first, best_load = entity_allowed(entity, first) ? queue_load(first) : ~(u32)0;
	for (u32 cpu = 0; cpu < cpu_count() && best_load != 0; cpu++) {
		if (!entity_allowed(entity, cpu))
			continue;
		u32 load = queue_load(cpu);
		if (load == 0 || best_load == ~(u32)0 || (!idle_only && load < best_load)) {
			best = cpu;
			best_load = load;
		}
	}
	return best;
}

/** The CPU it ran on where that is idle, else one that is; a new or real-time task goes where there is least to do. */
static u32
policy_select_cpu(struct object *object, u32 last_cpu, enum sched_reason reason)
{
	struct sched_entity *entity = sched_entity_from(object);
	if (reason == SCHED_YIELD || reason == SCHED_PREEMPTED)
		return entity_allowed(entity, last_cpu) ? last_cpu : least_loaded(entity, last_cpu, false);
	return least_loaded(entity, last_cpu, reason == SCHED_WAKE && atomic32_load_relaxed(&entity->rank) == 0);
}

/** Whether a task just queued should have the CPU instead of what runs there. */
static bool
entity_preempts(const struct run_queue *queue, const struct sched_entity *entity, enum sched_reason reason)
{
	u32 rank = atomic32_load_relaxed(&queue->running_rank), class = atomic32_load_relaxed(&entity->class);
	if (atomic32_load_relaxed(&queue->busy) == 0 || entity->queued_rank != rank)
		return entity->queued_rank > rank || atomic32_load_relaxed(&queue->busy) == 0;
	if (rank != 0 || reason != SCHED_WAKE || class == SCHED_BATCH || class == SCHED_IDLE)
		return false;
	return atomic32_load_relaxed(&queue->running_idle) != 0 ||
	       entity->vruntime + WAKE_GRANULARITY < atomic64_load_relaxed(&queue->running);
}

static bool
policy_enqueue(struct object *object, u32 cpu, enum sched_reason reason)
{
	struct sched_entity *entity = sched_entity_from(object);
	struct run_queue *queue = ELEM(queues, cpu);
	if (!entity_claim(entity))
		return false;
	IRQ_SPIN_SCOPE(&queue->lock);
	if (atomic32_load_relaxed(&entity->cpu) != cpu)
		entity_move(entity, cpu);
	entity_place(queue, entity, reason);
	(void)atomic64_add_relaxed(reason == SCHED_PREEMPTED ? &entity->involuntary : &entity->voluntary, 1);
	/* A real-time task that was preempted keeps its turn, unless its slice is over. */
	bool expired = atomic32_load_relaxed(&entity->class) == SCHED_RR && entity->slice_ns >= SCHED_RR_SLICE;
	queue_insert(queue, entity, reason == SCHED_PREEMPTED && atomic32_load_relaxed(&entity->rank) != 0 && !expired);
	return entity_preempts(queue, entity, reason);
}

/** Whether real-time tasks have had their share of this period, and fair ones wait. */
static bool
queue_throttled(struct run_queue *queue) MUST_HOLD(&queue->lock)
{
	return queue->rt_used >= RT_RUNTIME && queue->nfair > 0;
}

/** The first of a queue that `thief` may run; itself where thief is its own CPU. */
static struct sched_entity *
queue_first(struct run_queue *queue, u32 thief) MUST_HOLD(&queue->lock)
{
	bool throttled = queue_throttled(queue);
	struct sched_entity *entity = entity_tree_first(&queue->ready);
	while (entity != nullptr && (!entity_allowed(entity, thief) || (throttled && entity->queued_rank != 0)))
		entity = entity_tree_next(entity);
	return entity;
}

/** Takes the first that `thief` may run off `cpu`'s queue; null: there is none. */
static struct sched_entity *
queue_take(u32 cpu, u32 thief)
{
	struct run_queue *queue = ELEM(queues, cpu);
	IRQ_SPIN_SCOPE(&queue->lock);
	struct sched_entity *entity = queue_first(queue, thief);
	if (entity != nullptr) {
		queue_remove(queue, entity);
		queue->picks++;
		if (entity->queued_rank == 0 && cpu == thief)
			queue_advance(queue, entity->vruntime);
	}
	return entity;
}

/** A task from the fullest other queue, where that has at least `least` ready. */
static struct sched_entity *
queue_steal(u32 thief, u32 least)
{
	u32 victim = thief, most = least - 1;
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		u32 nready = atomic32_load_relaxed(&ELEM(queues, cpu)->nready);
		if (cpu != thief && nready > most) {
			victim = cpu;
			most = nready;
		}
	}
	struct sched_entity *entity = victim != thief ? queue_take(victim, thief) : nullptr;
	if (entity != nullptr)
		entity_move(entity, thief);
	return entity;
}

/** Now and then: whether this CPU, which has something to do, should look for more elsewhere. */
static bool
queue_balance_due(struct run_queue *queue)
{
	if (cpu_count() == 1)
		return false;
	IRQ_SPIN_SCOPE(&queue->lock);
	u64 now = clock_now();
	if (now - queue->balanced < BALANCE_PERIOD)
		return false;
	queue->balanced = now;
	return true;
}

/** Brings one task over from a queue that has two more than this one. */
static void
queue_balance(u32 cpu)
{
	struct run_queue *queue = ELEM(queues, cpu);
	struct sched_entity *entity = queue_steal(cpu, atomic32_load_relaxed(&queue->nready) + 2);
	if (entity == nullptr || !entity_claim(entity))
		return;
	IRQ_SPIN_SCOPE(&queue->lock);
	queue_insert(queue, entity, false);
}

static struct task *
policy_pick(u32 cpu)
{
	struct run_queue *queue = ELEM(queues, cpu);
	if (queue_balance_due(queue))
		queue_balance(cpu);
	struct sched_entity *entity = queue_take(cpu, cpu);
	if (entity == nullptr) {
		/* Idle before it looks elsewhere: who enqueues from now on sends a call. */
		atomic32_store(&queue->busy, 0);
		entity = queue_steal(cpu, 1);
	}
	if (entity == nullptr)
		return nullptr;
	if (atomic32_load_relaxed(&entity->class) != SCHED_RR || entity->slice_ns >= SCHED_RR_SLICE)
		entity->slice_ns = 0;
	atomic64_store_relaxed(&queue->running, entity->vruntime);
	atomic32_store_relaxed(&queue->running_rank, atomic32_load_relaxed(&entity->rank));
	atomic32_store_relaxed(&queue->running_idle, atomic32_load_relaxed(&entity->class) == SCHED_IDLE ? 1 : 0);
	POINTER_PUBLISH(queue->current, entity);
	atomic32_store(&queue->busy, 1);
	return entity->task;
}

/** Real time used: whether the period's share is spent while others wait. */
static bool
queue_charge_rt(struct run_queue *queue, u64 ran_ns) MUST_HOLD(&queue->lock)
{
	u64 now = clock_now();
	if (now - queue->rt_since >= RT_PERIOD) {
		queue->rt_since = now;
		queue->rt_used = 0;
	}
	queue->rt_used += ran_ns;
	return queue_throttled(queue);
}

/** Whether a real-time task has to make room. */
static bool
rt_tick(struct run_queue *queue, struct sched_entity *entity, const struct sched_entity *first, u64 ran_ns) MUST_HOLD(&queue->lock)
{
	u32 rank = atomic32_load_relaxed(&entity->rank);
	if (queue_charge_rt(queue, ran_ns) || (first != nullptr && first->queued_rank > rank))
		return true;
	bool expired = atomic32_load_relaxed(&entity->class) == SCHED_RR && entity->slice_ns >= SCHED_RR_SLICE;
	return expired && first != nullptr && first->queued_rank == rank;
}

/** What runs on a CPU is what was picked there last: that needs no checked downcast. */
static inline struct sched_entity *
entity_running(const struct run_queue *queue, struct object *object)
{
	struct sched_entity *current = POINTER_LOAD(queue->current);
	return current != nullptr && sched_entity_object(current) == object ? current : sched_entity_from(object);
}

/** A tick where real-time tasks are about. */
static bool
tick_rt(struct run_queue *queue, struct sched_entity *entity, u32 cpu, u64 ran_ns)
{
	IRQ_SPIN_SCOPE(&queue->lock);
	struct sched_entity *first = queue_first(queue, cpu);
	if (atomic32_load_relaxed(&entity->rank) != 0)
		return rt_tick(queue, entity, first, ran_ns);
	return first != nullptr && (first->queued_rank != 0 || (entity->slice_ns >= SLICE && first->vruntime <= entity->vruntime));
}

/** Where the first ready task stands, if that is a fair one; else a time that never comes. */
static inline u64
queue_first_vruntime(struct run_queue *queue)
{
	return atomic32_load_relaxed(&queue->nready) != 0 ? atomic64_load_relaxed(&queue->first_vruntime) : ~(u64)0;
}

/** Its share of the time that a fair task has used. */
static void
fair_charge(struct run_queue *queue, struct sched_entity *entity, u64 ran_ns)
{
	u32 weight = atomic32_load_relaxed(&entity->weight);
	entity->vruntime += weight == WEIGHT_NORMAL ? ran_ns : ran_ns * WEIGHT_NORMAL / MAX(weight, (u32)1);
	atomic64_store_relaxed(&queue->running, entity->vruntime);
	queue_advance(queue, MIN(queue_first_vruntime(queue), entity->vruntime));
}

static bool
policy_tick(struct object *object, u32 cpu, u64 ran_ns)
{
	struct run_queue *queue = ELEM(queues, cpu);
	struct sched_entity *entity = entity_running(queue, object);
	u32 rank = atomic32_load_relaxed(&entity->rank);
	entity->slice_ns += ran_ns;
	atomic64_store_relaxed(&queue->busy_ns, atomic64_load_relaxed(&queue->busy_ns) + ran_ns);
	if (!entity_allowed(entity, cpu))
		return true;
	atomic32_store_relaxed(&queue->running_rank, rank);
	if (rank == 0)
		fair_charge(queue, entity, ran_ns);
	if (rank != 0 || atomic32_load_relaxed(&queue->first_rank) != 0)
		return tick_rt(queue, entity, cpu, ran_ns);
	return entity->slice_ns >= SLICE && queue_first_vruntime(queue) <= entity->vruntime;
}

static u64
policy_next_tick(struct object *object, u32 cpu, u64 now_ns)
{
	struct run_queue *queue = ELEM(queues, cpu);
	struct sched_entity *entity = entity_running(queue, object);
	if (!entity_allowed(entity, cpu))
		return now_ns;
	if (atomic32_load(&queue->nready) == 0)
		return TIME_NEVER;
	if (atomic32_load_relaxed(&entity->rank) != 0)
		return now_ns + RT_PERIOD / 100;
	return now_ns + (entity->slice_ns < SLICE ? SLICE - entity->slice_ns : SLICE / 4);
}

const struct sched_policy sched_policy = {
	.task_init = policy_task_init,
	.task_fini = policy_task_fini,
	.select_cpu = policy_select_cpu,
	.enqueue = policy_enqueue,
	.pick = policy_pick,
	.tick = policy_tick,
	.next_tick = policy_next_tick,
};

/* --- what services tell it --------------------------------------------------------------------------------------- */

struct sched_entity *
sched_entity_of(struct task *task)
{
	struct sched_entity *entity = sched_entity_from(task_entity(task));
	sched_entity_get(entity);
	return entity;
}

struct sched_params
sched_params_get(struct sched_entity *entity)
{
	return (struct sched_params){
		.class = (enum sched_class)atomic32_load_relaxed(&entity->class),
		.nice = (i32)atomic32_load_relaxed(&entity->nice),
		.priority = atomic32_load_relaxed(&entity->priority),
	};
}

/** Takes it off the queue it is on, if it is on one. => that queue's CPU, or CPU_MAX. */
static u32
entity_unqueue(struct sched_entity *entity)
{
	for (;;) {
		u32 cpu = atomic32_load_relaxed(&entity->cpu) % CPU_MAX;
		struct run_queue *queue = ELEM(queues, cpu);
		IRQ_SPIN_SCOPE(&queue->lock);
		if (atomic32_load_relaxed(&entity->cpu) != cpu)
			continue;
		if (!entity->queued)
			return CPU_MAX;
		queue_remove(queue, entity);
		return cpu;
	}
}

/** Queues it again after a change, where it may run, and has that CPU look. */
static void
entity_requeue(struct sched_entity *entity, u32 last_cpu)
{
	u32 cpu = least_loaded(entity, last_cpu, true);
	struct run_queue *queue = ELEM(queues, cpu);
	if (!entity_claim(entity))
		return;
	if (cpu != last_cpu)
		entity_move(entity, cpu);
	irq_spin_acquire(&queue->lock);
	queue_insert(queue, entity, false);
	irq_spin_release(&queue->lock);
	cpu_reschedule(cpu);
}

/** Makes a change of rank, weight or affinity felt. */
static void
entity_changed(struct sched_entity *entity)
{
	preempt_disable(); /* it is on no queue in between */
	u32 cpu = entity_unqueue(entity);
	if (cpu != CPU_MAX)
		entity_requeue(entity, cpu);
	else
		cpu_reschedule(atomic32_load_relaxed(&entity->cpu) % CPU_MAX);
	preempt_enable();
}

/** Makes the rank what it should be; whoever changes one of both meanwhile comes here as well. => whether it was another */
static bool
entity_rank(struct sched_entity *entity)
{
	bool changes = false;
	for (;;) {
		u32 rank = MAX(atomic32_load(&entity->priority), atomic32_load(&entity->boost));
		if (atomic32_load(&entity->rank) == rank)
			return changes;
		atomic32_store(&entity->rank, rank);
		changes = true;
	}
}

void
sched_params_set(struct sched_entity *entity, const struct sched_params *scoped params)
{
	assert(params->nice >= NICE_MIN && params->nice <= NICE_MAX && params->priority <= RT_PRIORITY_MAX);
	u32 weight = nice_weights[params->nice - NICE_MIN];
	atomic32_store_relaxed(&entity->class, params->class);
	atomic32_store_relaxed(&entity->nice, (u32)params->nice);
	atomic32_store_relaxed(&entity->weight, params->class == SCHED_IDLE ? WEIGHT_IDLE : weight);
	atomic32_store(&entity->priority, params->priority);
	(void)entity_rank(entity);
	entity_changed(entity);
}

bool
sched_boost_set(struct sched_entity *entity, u32 priority)
{
	assert(priority <= RT_PRIORITY_MAX);
	atomic32_store(&entity->boost, priority);
	bool changes = entity_rank(entity);
	if (changes)
		entity_changed(entity);
	return changes;
}

bool
sched_is_boosted(struct sched_entity *entity)
{
	return atomic32_load_relaxed(&entity->boost) != 0;
}

u32
sched_rank(struct sched_entity *entity)
{
	return atomic32_load_relaxed(&entity->rank);
}

struct cpu_set
sched_affinity_get(struct sched_entity *entity)
{
	return (struct cpu_set){ atomic64_load_relaxed(&entity->affinity) };
}

void
sched_affinity_set(struct sched_entity *entity, struct cpu_set cpus)
{
	u64 present = cpu_count() == CPU_MAX ? ~(u64)0 : ((u64)1 << cpu_count()) - 1;
	assert((cpus.bits & present) != 0);
	atomic64_store_relaxed(&entity->affinity, cpus.bits);
	entity_changed(entity);
}

u64
sched_slice_ns(void)
{
	return SLICE;
}

u32
sched_running_count(void)
{
	u32 count = 0;
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		count += queue_load(cpu);
	return count;
}

struct sched_switches
sched_switches_get(struct sched_entity *entity)
{
	return (struct sched_switches){
		.involuntary = atomic64_load_relaxed(&entity->involuntary),
		.voluntary = atomic64_load_relaxed(&entity->voluntary),
	};
}

struct sched_cpu_stat
sched_cpu_stat(u32 cpu)
{
	struct run_queue *queue = ELEM(queues, cpu);
	IRQ_SPIN_SCOPE(&queue->lock);
	return (struct sched_cpu_stat){ .busy_ns = atomic64_load_relaxed(&queue->busy_ns), .switches = queue->picks };
}

bool
sched_is_ready(struct sched_entity *entity)
{
	struct run_queue *queue = ELEM(queues, atomic32_load_relaxed(&entity->cpu) % CPU_MAX);
	return atomic32_load_relaxed(&entity->claimed) != 0 ||
	       (atomic32_load_relaxed(&queue->busy) != 0 && POINTER_LOAD(queue->current) == entity);
}
