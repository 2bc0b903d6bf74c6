// SPDX-License-Identifier: MPL-2.0
/**
 * The table of waiters: buckets hashed by key, each with a lock of its own.
 *
 * No wake-up is lost: the waiter counts itself into its bucket, queues, and reads the word; the waker has changed the word, then looks at the
 * count. Both are full fences, so one of the two sees the other. A waker keeps to an RCU section from taking a waiter off to waking it,
 * and waiters go back after all sections, so the queue that it wakes is still one.
 */
#include <cadre/cpu.h>

#include "futex_impl.h"

enum : u32 { BUCKETS_PER_CPU = 256 };

OBJECT_DEFINE(futex_waiter);
ARRAY_DEFINE(futex_waiter_array, struct futex_waiter);
ARRAY_DEFINE(futex_bucket_array, struct futex_bucket);

static struct futex_bucket_array *buckets;  /* [boot] */
static u32 bucket_bits;                     /* [boot] */

static void futex_clock_stepped(void);
static void futex_thread_exit(struct thread *thread);
static const struct thread_watch futex_watch = { .exit = futex_thread_exit, .priority = futex_priority_pi };

void
futex_init(void)
{
	for (bucket_bits = 8; (u32)1 << bucket_bits < BUCKETS_PER_CPU * cpu_count();)
		bucket_bits++;
	buckets = futex_bucket_array_alloc((u32)1 << bucket_bits);
	assert(buckets != nullptr);
	clock_on_step(futex_clock_stepped);
	thread_watch_register(&futex_watch);
}

u32
futex_bucket_number(const struct vm_futex_key *scoped key)
{
	u64 hash = (key->space * 0x9e3779b97f4a7c15 ^ key->offset >> 2) * 0xff51afd7ed558ccd;
	return (u32)(hash >> (64 - bucket_bits));
}

struct futex_bucket *
futex_bucket_at(u32 number)
{
	return futex_bucket_array_at(buckets, number);
}

u32
futex_bucket_count(void)
{
	return futex_bucket_array_len(buckets);
}

err_t
futex_key(struct futex_word word, bool for_write, struct vm_futex_key *scoped key)
{
	if ((word.at.raw & 3) != 0)
		return EINVAL;
	return vm_futex_key(word.at, word.shared, for_write, key);
}

struct futex_waiter *
futex_self(void)
{
	struct thread *thread = thread_current();
	struct futex_waiter *waiter = thread->futex_waiter;
	if (__builtin_expect(waiter != nullptr, 1))
		return waiter;
	waiter = futex_waiter_alloc();
	if (waiter == nullptr)
		return nullptr;
	waiter->sleeper = waiter;
	waiter->tid = atomic32_load_relaxed(&thread->tid);
	*ELEM(thread->extra, THREAD_EXTRA_FUTEX) = futex_waiter_object(waiter);
	thread->futex_waiter = waiter;
	return waiter;
}

static void
futex_thread_exit(struct thread *thread)
{
	struct object **slot = ELEM(thread->extra, THREAD_EXTRA_FUTEX);
	if (*slot == nullptr)
		return;
	futex_waiter_put_rcu(futex_waiter_from(*slot));
	*slot = nullptr;
	thread->futex_waiter = nullptr;
}

/* --- queueing --- */

static void
bucket_push(struct futex_bucket *bucket, struct futex_waiter *waiter) MUST_HOLD(&bucket->lock)
{
	bucket->tickets += 1;
	waiter->ticket = bucket->tickets;
	futex_list_push_back(&bucket->waiters, waiter);
}

void
futex_enter(struct futex_waiter *waiter)
{
	u32 number = futex_bucket_number(&waiter->key);
	struct futex_bucket *bucket = futex_bucket_at(number);
	atomic32_store_relaxed(&waiter->state, FUTEX_QUEUED);
	atomic32_store_relaxed(&waiter->bucket, number);
	(void)atomic32_add(&bucket->count, 1);
	SPIN_SCOPE(&bucket->lock);
	bucket_push(bucket, waiter);
}

static void
bucket_remove(struct futex_bucket *bucket, struct futex_waiter *waiter) MUST_HOLD(&bucket->lock)
{
	futex_list_remove(&bucket->waiters, waiter);
	(void)atomic32_sub(&bucket->count, 1);
}

/** => false: it has been moved to another bucket */
static bool
leave_bucket(struct futex_waiter *waiter, u32 number, bool *scoped was_queued)
{
	struct futex_bucket *bucket = futex_bucket_at(number);
	SPIN_SCOPE(&bucket->lock);
	if (atomic32_load(&waiter->bucket) != number)
		return false;
	*was_queued = atomic32_load(&waiter->state) == FUTEX_QUEUED;
	if (*was_queued) {
		bucket_remove(bucket, waiter);
		atomic32_store(&waiter->state, FUTEX_WOKEN);
	}
	return true;
}

bool
futex_leave(struct futex_waiter *waiter)
{
	bool was_queued = false;
	while (!leave_bucket(waiter, atomic32_load(&waiter->bucket), &was_queued))
		;
	return was_queued;
}

void
futex_release(struct futex_bucket *bucket, struct futex_waiter *waiter, enum futex_state state)
{
	struct futex_waiter *sleeper = waiter->sleeper;
	bucket_remove(bucket, waiter);
	/* From here on it can be gone at any time, but for its memory. */
	atomic32_store(&waiter->state, state);
	(void)wake_one(&sleeper->wait);
}

void
futex_move(struct futex_waiter *waiter, struct futex_bucket *from, struct futex_bucket *to, const struct vm_futex_key *scoped key)
	NO_THREAD_SAFETY("futex_lock_two has locked both")
{
	bucket_remove(from, waiter);
	waiter->key = *key;
	(void)atomic32_add(&to->count, 1);
	bucket_push(to, waiter);
	atomic32_store(&waiter->bucket, futex_bucket_number(key));
}

void
futex_lock_two(u32 a, u32 b) NO_THREAD_SAFETY("one lock or two, by number")
{
	spin_acquire(&futex_bucket_at(MIN(a, b))->lock);
	if (a != b)
		spin_acquire(&futex_bucket_at(MAX(a, b))->lock);
}

void
futex_unlock_two(u32 a, u32 b) NO_THREAD_SAFETY("one lock or two, by number")
{
	if (a != b)
		spin_release(&futex_bucket_at(MAX(a, b))->lock);
	spin_release(&futex_bucket_at(MIN(a, b))->lock);
}

/* --- sleeping --- */

err_t
futex_sleep(struct futex_waiter *waiter, const struct futex_deadline *scoped deadline)
{
	for (;;) {
		u32 steps = clock_realtime_steps();
		u64 at = !deadline->given ? TIME_NEVER : deadline->realtime ? clock_deadline_of_realtime(deadline->ns) : deadline->ns;
		err_t err = WAIT_UNTIL(&waiter->wait, atomic32_load(&waiter->state) != FUTEX_QUEUED ||
			(deadline->realtime && clock_realtime_steps() != steps), WAIT_INTERRUPTIBLE, at);
		if (atomic32_load(&waiter->state) != FUTEX_QUEUED)
			return OK;
		/* The clock was stepped, or an interrupt has lost its reason: again. */
		if (err == ETIMEDOUT || (err == EINTR && signal_pending()))
			return err;
		if (err == EINTR)
			task_clear_interrupt();
	}
}

/** The clock was stepped: who waits for a point of real time looks anew how long that is. */
static void
futex_clock_stepped(void)
{
	for (u32 i = 0; i < futex_bucket_count(); i++) {
		struct futex_bucket *bucket = futex_bucket_at(i);
		if (atomic32_load(&bucket->count) == 0)
			continue;
		SPIN_SCOPE(&bucket->lock);
		LIST_FOR(futex_list, waiter, &bucket->waiters)
			if (waiter->realtime)
				(void)wake_one(&waiter->sleeper->wait);
	}
}

/* --- waking --- */

err_t
futex_wake(const struct vm_futex_key *scoped key, u32 n, u32 bitset, u64 *scoped woken)
{
	struct futex_bucket *bucket = futex_bucket_at(futex_bucket_number(key));
	*woken = 0;
	atomic_fence();
	if (atomic32_load_relaxed(&bucket->count) == 0)
		return OK;
	RCU_SCOPE();
	SPIN_SCOPE(&bucket->lock);
	LIST_FOR_REMOVING(futex_list, waiter, &bucket->waiters) {
		if (!futex_key_equal(&waiter->key, key))
			continue;
		if (waiter->pi || waiter->to_pi)
			return EINVAL;
		if ((waiter->bitset & bitset) == 0)
			continue;
		futex_release(bucket, waiter, FUTEX_WOKEN);
		*woken += 1;
		if (*woken >= n)
			break;
	}
	return OK;
}

err_t
futex_wake_at(uaddr_t at, bool shared, u32 n, u64 *scoped woken)
{
	struct vm_futex_key key = {};
	TRY(futex_key((struct futex_word){ at, shared }, false, &key));
	return futex_wake(&key, n, FUTEX_BITS_ALL, woken);
}

void
futex_wake_one(uaddr_t at)
{
	u64 woken = 0;
	(void)!futex_wake_at(at, true, 1, &woken);
}
