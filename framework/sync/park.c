// SPDX-License-Identifier: MPL-2.0
/**
 * Parking: tasks asleep until a word changes, in buckets hashed by the word's address.
 *
 * No wake-up is lost. Sleeper: (1) queues itself, (2) full fence, (3) reads the word. Waker: (4) changes the word, (5) full fence, (6) looks at the
 * queue. If (3) reads the old value it comes before (4) in the order of the fences, so (1) comes before (6), and the waker finds it.
 * Then the waker sets `park_woken` and wakes; the sleeper says BLOCKED before it looks at `park_woken` for the last time.
 *
 * A task leaves its bucket's queue once: who takes it off (itself or a waker, by `park_queued` under the lock) decides how the sleep
 * ended. Taken off by a waker, it sleeps on until park_woken is set, so nobody writes to a task that has gone on to its next sleep. Only
 * task_wake may come late: it is a wake-up for no reason then, which every sleep bears.
 */
#include <arch/arch.h>
#include <sync/lock.h>

enum : u32 { BUCKETS = 256, WAKE_BATCH = 16 };

LIST_OF(park_list, struct task, park_link);
static struct bucket {
	struct raw_lock lock;
	struct park_list sleepers GUARDED_BY(&lock);
	u64 order GUARDED_BY(&lock);   /* number of the last task queued */
} buckets[BUCKETS] __attribute__((aligned(64)));

static struct bucket *bucket_of(const void *key) { return &buckets[((u64)key >> 3) *0x9e3779b97f4a7c15 >> 56]; }

static void
bucket_remove(struct bucket *bucket, struct task *task) MUST_HOLD(&bucket->lock)
{
	park_list_remove(&bucket->sleepers, task);
	task->park_queued = false;
}

/** The longest-waiting task on `key` that was queued up to `order`. */
static struct task *
bucket_find(struct bucket *bucket, const void *key, u64 order) MUST_HOLD(&bucket->lock)
{
	LIST_FOR(park_list, task, &bucket->sleepers)
		if (task->park_key == key && task->park_order <= order)
			return task;
	return nullptr;
}

static void
park_enter(struct task *self, const void *key, bool heir)
{
	struct bucket *bucket = bucket_of(key);
	self->park_key = key;
	u64 flags = raw_acquire(&bucket->lock);
	self->park_heir = heir;
	self->park_order = ++bucket->order;
	self->park_queued = true;
	park_list_insert_before(&bucket->sleepers, heir ? park_list_first(&bucket->sleepers) : nullptr, self);
	raw_release(&bucket->lock, flags);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/** Takes the task itself off the queue. => false: a waker has done so. */
static bool
park_leave(struct task *self)
{
	struct bucket *bucket = bucket_of(self->park_key);
	RAW_SCOPE(&bucket->lock);
	bool queued = self->park_queued;
	if (queued)
		bucket_remove(bucket, self);
	return queued;
}

/** Whether the sleep is over, and how. */
static bool
park_over(const struct task *self, enum wait_mode mode, u64 deadline_ns, err_t *result)
{
	*result = OK;
	if (__atomic_load_n(&self->park_woken, __ATOMIC_SEQ_CST) != 0)
		return true;
	*result = EINTR;
	if (mode == WAIT_INTERRUPTIBLE && __atomic_load_n(&self->interrupted, __ATOMIC_SEQ_CST) != 0)
		return true;
	*result = ETIMEDOUT;
	return deadline_ns != TIME_NEVER && arch_clock_ns() >= deadline_ns;
}

static err_t
park_block(struct task *self, enum wait_mode mode, u64 deadline_ns)
{
	err_t result;
	bool over;
	if (deadline_ns != TIME_NEVER)
		timer_event_set(&self->timeout, deadline_ns);
	do {
		u64 flags = arch_irq_save();
		sched_block_begin(self);
		over = park_over(self, mode, deadline_ns, &result);
		if (over)
			sched_block_cancel(self);
		else
			sched_leave(self);
		arch_irq_restore(flags);
	} while (!over);
	if (deadline_ns != TIME_NEVER)
		timer_event_cancel(&self->timeout);
	return result;
}

void
park_forget(struct task *self)
{
	if (self->park_key != nullptr && !park_leave(self))
		(void)park_block(self, WAIT_PLAIN, TIME_NEVER);
	self->park_key = nullptr;
}

err_t
park_while(const void *key, const u32 *word, u32 expected, enum wait_mode mode, u64 deadline_ns, bool heir)
{
	task_check_may_sleep();
	struct task *self = task_self();
	err_t result;
	park_forget(self);
	__atomic_store_n(&self->park_woken, 0, __ATOMIC_RELAXED);
	/* First of all: a stream of wake-ups must not carry a waiter past its deadline for ever. */
	if (park_over(self, mode, deadline_ns, &result))
		return result;
	park_enter(self, key, heir);
	bool slept = __atomic_load_n(word, __ATOMIC_SEQ_CST) == expected;
	result = slept ? park_block(self, mode, deadline_ns) : OK;
	if ((!slept || result != OK) && !park_leave(self))
		result = park_block(self, WAIT_PLAIN, TIME_NEVER);
	self->park_key = nullptr;
	return result;
}

u32
park_wake(const void *key, u32 n)
{
	struct bucket *bucket = bucket_of(key);
	struct task *batch[WAKE_BATCH] __attribute__((uninitialized));   /* `count` of them are looked at */
	u32 woken = 0, count;
	u64 order = ~(u64)0;
	do {
		count = 0;
		u64 flags = raw_acquire(&bucket->lock);
		order = MIN(order, bucket->order);   /* those who come back meanwhile are not woken again */
		while (count < WAKE_BATCH && woken + count < n) {
			struct task *task = bucket_find(bucket, key, order);
			if (task == nullptr)
				break;
			bucket_remove(bucket, task);
			__atomic_store_n(&task->park_woken, 1, __ATOMIC_SEQ_CST);
			batch[count++] = task;
		}
		raw_release(&bucket->lock, flags);
		for (u32 i = 0; i < count; i++)
			(void)task_wake(batch[i]);
		woken += count;
	} while (count == WAKE_BATCH);
	return woken;
}

struct task *
park_take_heir(const void *key)
{
	struct bucket *bucket = bucket_of(key);
	RAW_SCOPE(&bucket->lock);
	struct task *task = bucket_find(bucket, key, ~(u64)0);
	if (task != nullptr && task->park_heir)
		bucket_remove(bucket, task);
	else
		task = nullptr;
	return task;
}

void
park_grant(struct task *task)
{
	__atomic_store_n(&task->park_woken, 1, __ATOMIC_SEQ_CST);
	(void)task_wake(task);
}
