// SPDX-License-Identifier: MPL-2.0
/**
 * Futexes that are locks with an owner: the word holds the owner's thread id, and bit 31 where somebody waits.
 *
 * Every operation on one lock runs under the sleeping lock of its key, so user memory can be read and changed within. Waiters get the lock by
 * their real-time priority, else in order of arrival, handed over by the owner, who writes the next one's id into the word.
 *
 * While a real-time thread waits, the owner is lent its priority, and whoever the owner waits for in turn. What a thread is lent is found
 * out anew whenever it may have changed, from all that wait.
 *
 * Source: futex(2), "Priority-inheritance futexes".
 * Lock order: pi_lock of a key → pi_boost_lock → a bucket.
 */
#include "futex_impl.h"

#include <sched_policy.h>

enum : u32 { PI_LOCKS = 64, PI_DEPTH_MAX = 1024 };

static struct mutex pi_boost_lock;

static struct mutex pi_locks[PI_LOCKS];     /* by key */
static struct atomic32 pi_waiters;          /* all that wait for PI locks: 0 makes exits cheap */

static struct mutex *
pi_lock(const struct vm_futex_key *scoped key)
{
	return ELEM(pi_locks, futex_bucket_number(key) % PI_LOCKS);
}

static u32
own_tid(void)
{
	return atomic32_load_relaxed(&thread_current()->tid);
}

static u32
waiter_rank(const struct futex_waiter *scoped waiter)
{
	return sched_rank(waiter->thread->sched);
}

/** Who is next for the lock; null: nobody waits. It stays: only under the key's pi_lock is one taken off. */
static struct futex_waiter *
pi_first(const struct vm_futex_key *scoped key)
{
	struct futex_bucket *bucket = futex_bucket_at(futex_bucket_number(key));
	struct futex_waiter *first = nullptr;
	SPIN_SCOPE(&bucket->lock);
	LIST_FOR(futex_list, waiter, &bucket->waiters)
		if (waiter->pi && futex_key_equal(&waiter->key, key) && (first == nullptr || waiter_rank(waiter) > waiter_rank(first)))
			first = waiter;
	return first;
}

/* --- inheritance --- */

/** How a thread stands: the highest priority of those that wait for it, and for whom it waits itself, 0: for nobody. */
struct pi_standing { u32 rank, owner; };

static struct pi_standing
pi_standing(u32 tid)
{
	struct pi_standing standing = {};
	for (u32 i = 0; i < futex_bucket_count(); i++) {
		struct futex_bucket *bucket = futex_bucket_at(i);
		if (atomic32_load(&bucket->count) == 0)
			continue;
		SPIN_SCOPE(&bucket->lock);
		LIST_FOR(futex_list, waiter, &bucket->waiters) {
			if (waiter->pi && waiter->owner == tid)
				standing.rank = MAX(standing.rank, waiter_rank(waiter));
			if (waiter->pi && waiter->tid == tid)
				standing.owner = waiter->owner;
		}
	}
	return standing;
}

/** Lends a thread what it should be lent, and those that it waits for. */
static void
pi_boost(u32 tid)
{
	MUTEX_SCOPE(&pi_boost_lock);
	for (u32 depth = 0; tid != 0 && depth < PI_DEPTH_MAX; depth++) {
		REF_SCOPE(thread, thread);
		struct pi_standing standing = pi_standing(tid);
		thread = thread_find(tid);
		if (thread == nullptr || !sched_boost_set(thread->sched, standing.rank))
			return;
		tid = standing.owner;
	}
}

void
futex_priority_pi(struct thread *thread)
{
	if (atomic32_load(&pi_waiters) == 0)
		return;
	u32 owner = pi_standing(atomic32_load(&thread->tid)).owner;
	if (owner != 0)
		pi_boost(owner);
}

/** Whether `owner` waits for the running thread, by however many others. */
static bool
pi_is_deadlock(u32 owner)
{
	u32 tid = own_tid();
	for (u32 depth = 0; owner != 0 && owner != tid && depth < PI_DEPTH_MAX && atomic32_load(&pi_waiters) != 0; depth++)
		owner = pi_standing(owner).owner;
	return owner == tid;
}

/** The running thread has given up a lock: what it was lent for that goes. */
static void
pi_boost_end(u32 tid)
{
	if (sched_is_boosted(thread_current()->sched))
		pi_boost(tid);
}

/** Those that still wait for the lock lend its new owner their priority. */
static void
pi_boost_new(const struct vm_futex_key *scoped key, u32 tid)
{
	struct futex_waiter *next = pi_first(key);
	if (next != nullptr && waiter_rank(next) != 0)
		pi_boost(tid);
}

/** Notes for all that wait for the lock whom they wait for. */
static void
pi_set_owner(const struct vm_futex_key *scoped key, u32 owner)
{
	struct futex_bucket *bucket = futex_bucket_at(futex_bucket_number(key));
	SPIN_SCOPE(&bucket->lock);
	LIST_FOR(futex_list, waiter, &bucket->waiters)
		if (waiter->pi && futex_key_equal(&waiter->key, key))
			waiter->owner = owner;
}

/** Takes the waiter off as the lock's new owner. */
static void
pi_grant(struct futex_waiter *waiter, const struct vm_futex_key *scoped key, enum futex_state state)
{
	struct futex_bucket *bucket = futex_bucket_at(futex_bucket_number(key));
	u32 tid = waiter->tid;
	pi_set_owner(key, tid);
	{
		RCU_SCOPE();
		SPIN_SCOPE(&bucket->lock);
		(void)atomic32_sub(&pi_waiters, 1);
		futex_release(bucket, waiter, state);
	}
	pi_boost_new(key, tid);
}

static bool
thread_exists(u32 tid)
{
	REF_SCOPE(thread, thread);
	thread = thread_find(tid);
	return thread != nullptr;
}

/** What an attempt found. */
enum pi_attempt : u32 { PI_TAKEN, PI_BUSY };

/**
 * Makes `tid` the owner of a free lock, or marks the word of a held one. Under the key's pi_lock.
 * => EDEADLK: it is tid's already; ESRCH: its owner does not exist; EFAULT
 */
static err_t
pi_attempt(uaddr_t at, u32 tid, bool waiters, enum pi_attempt *scoped out, u32 *scoped owner)
{
	u32 word = 0;
	TRY(copy_in_u32(at, &word));
	for (;;) {
		*owner = word & FUTEX_TID_MASK;
		if (*owner == tid)
			return EDEADLK;
		if (*owner != 0 && !thread_exists(*owner)) {
			u32 again = 0;
			TRY(copy_in_u32(at, &again));
			if (again == word)
				return ESRCH;
			word = again;
			continue;
		}
		u32 new = *owner != 0 ? word | FUTEX_WAITERS : tid | (word & FUTEX_OWNER_DIED) | (waiters ? FUTEX_WAITERS : 0);
		err_t err = user_compare_exchange(at, &word, new);
		*out = *owner != 0 ? PI_BUSY : PI_TAKEN;
		if (err != EAGAIN)
			return err;
	}
}

/** Writes the new owner into the word of a dead one's lock. */
static err_t
pi_inherit(uaddr_t at, u32 tid)
{
	u32 word = 0;
	TRY(copy_in_u32(at, &word));
	for (;;) {
		err_t err = user_compare_exchange(at, &word, tid | FUTEX_WAITERS | FUTEX_OWNER_DIED);
		if (err != EAGAIN)
			return err;
	}
}

/** Ends the wait for a lock. => OK: it is the running thread's; else `err`, and it stands nowhere */
static err_t
pi_finish(struct futex_waiter *waiter, uaddr_t at, err_t err)
{
	MUTEX_SCOPE(pi_lock(&waiter->key));
	if (err != OK && futex_leave(waiter)) {
		(void)atomic32_sub(&pi_waiters, 1);
		waiter->pi = false;
		if (waiter_rank(waiter) != 0)
			pi_boost(waiter->owner);
		return err;
	}
	waiter->pi = false;
	return atomic32_load(&waiter->state) == FUTEX_INHERITED ? pi_inherit(at, waiter->tid) : OK;
}

/** => OK with *waits: it stands in the queue; else it has the lock */
static err_t
pi_begin(struct futex_waiter *waiter, uaddr_t at, bool try, bool *scoped waits)
{
	enum pi_attempt found = PI_TAKEN;
	u32 owner = 0;
	MUTEX_SCOPE(pi_lock(&waiter->key));
	TRY(pi_attempt(at, own_tid(), pi_first(&waiter->key) != nullptr, &found, &owner));
	if (found == PI_TAKEN)
		return OK;
	if (try)
		return EAGAIN;
	if (pi_is_deadlock(owner))
		return EDEADLK;
	waiter->pi = true;
	waiter->tid = own_tid();
	waiter->thread = thread_current();
	waiter->owner = owner;
	waiter->bitset = FUTEX_BITS_ALL;
	(void)atomic32_add(&pi_waiters, 1);
	futex_enter(waiter);
	if (waiter_rank(waiter) != 0)
		pi_boost(owner);
	*waits = true;
	return OK;
}

err_t
futex_lock_pi(struct futex_word word, const struct futex_deadline *scoped deadline, bool try)
{
	struct futex_waiter *waiter = futex_self();
	bool waits = false;
	if (waiter == nullptr)
		return ENOMEM;
	TRY(futex_key(word, true, &waiter->key));
	waiter->realtime = deadline->realtime;
	TRY(pi_begin(waiter, word.at, try, &waits));
	if (!waits)
		return OK;
	err_t err = pi_finish(waiter, word.at, futex_sleep(waiter, deadline));
	return err == EINTR ? ERESTARTNOINTR : err;
}

/** Gives the lock, whose word held `value`, to the next, or to nobody. */
static err_t
pi_hand_over(uaddr_t at, const struct vm_futex_key *scoped key, u32 value)
{
	MUTEX_SCOPE(pi_lock(key));
	for (;;) {
		struct futex_waiter *next = pi_first(key);
		err_t err = user_compare_exchange(at, &value, next != nullptr ? next->tid | FUTEX_WAITERS : 0);
		if (err == OK && next != nullptr)
			pi_grant(next, key, FUTEX_GRANTED);
		if (err != EAGAIN)
			return err;
		if ((value & FUTEX_TID_MASK) != own_tid())
			return EINVAL;
	}
}

err_t
futex_unlock_pi(struct futex_word word)
{
	struct vm_futex_key key = {};
	u32 value = 0, tid = own_tid();
	TRY(copy_in_u32(word.at, &value));
	if ((value & FUTEX_TID_MASK) != tid)
		return EPERM;
	TRY(futex_key(word, true, &key));
	TRY(pi_hand_over(word.at, &key, value));
	/* Only now, without the kernel's lock: the new owner needs it, and must not wait for one with less priority. */
	pi_boost_end(tid);
	return OK;
}

/* --- requeueing to a lock --- */

/** How a wait for FUTEX_CMP_REQUEUE_PI ended that the waiker never came to. */
static err_t
requeue_wait_error(err_t err)
{
	return err == EINTR ? ERESTARTNOINTR : err == OK ? EAGAIN : err;
}

err_t
futex_wait_requeue_pi(struct futex_word from, struct futex_word to, u32 value, u32 bitset, const struct futex_deadline *scoped deadline)
{
	struct futex_waiter *waiter = futex_self();
	u32 now = 0;
	if (waiter == nullptr)
		return ENOMEM;
	if (from.at.raw == to.at.raw)
		return EINVAL;
	TRY(futex_key(to, true, &waiter->pi_key));
	TRY(futex_key(from, false, &waiter->key));
	if (futex_key_equal(&waiter->key, &waiter->pi_key))
		return EINVAL;
	waiter->bitset = bitset;
	waiter->tid = own_tid();
	waiter->thread = thread_current();
	waiter->realtime = deadline->realtime;
	waiter->to_pi = true;
	futex_enter(waiter);
	err_t err = copy_in_u32(from.at, &now);
	if (err == OK && now != value)
		err = EAGAIN;
	if (err == OK)
		err = futex_sleep(waiter, deadline);
	/* Moving happens under the lock of the target: after this it has happened or does not. */
	MUTEX_SCOPE(pi_lock(&waiter->pi_key));
	bool left = err != OK && futex_leave(waiter), moved = waiter->pi;
	u32 state = atomic32_load(&waiter->state);
	waiter->to_pi = false;
	waiter->pi = false;
	if (left && moved) {
		(void)atomic32_sub(&pi_waiters, 1);
		if (waiter_rank(waiter) != 0)
			pi_boost(waiter->owner);
		return err == EINTR ? EAGAIN : err;
	}
	if (left)
		return requeue_wait_error(err);
	if (state == FUTEX_INHERITED)
		return pi_inherit(to.at, waiter->tid);
	return OK;
}

struct requeue_pi { struct vm_futex_key from, to; u32 a, b, owner; u64 ticket, limit, done; };

/** The first that waits to be moved. => EINVAL: it waits for something else; null: none */
static err_t
requeue_pi_first(const struct requeue_pi *scoped r, struct futex_waiter **scoped out)
{
	struct futex_bucket *bucket = futex_bucket_at(r->a);
	SPIN_SCOPE(&bucket->lock);
	LIST_FOR(futex_list, waiter, &bucket->waiters) {
		if (!futex_key_equal(&waiter->key, &r->from))
			continue;
		*out = waiter;
		return waiter->to_pi && futex_key_equal(&waiter->pi_key, &r->to) ? OK : EINVAL;
	}
	return OK;
}

static err_t
requeue_pi_move(struct requeue_pi *scoped r)
{
	struct futex_bucket *from = futex_bucket_at(r->a), *to = futex_bucket_at(r->b);
	u64 last = r->ticket;
	LIST_FOR_REMOVING(futex_list, waiter, &from->waiters) {
		if (r->done >= r->limit || waiter->ticket > last)
			break;
		if (waiter->pi || !futex_key_equal(&waiter->key, &r->from))
			continue;
		if (!waiter->to_pi || !futex_key_equal(&waiter->pi_key, &r->to))
			return EINVAL;
		waiter->pi = true;
		waiter->owner = r->owner;
		(void)atomic32_add(&pi_waiters, 1);
		futex_move(waiter, from, to, &r->to);
		r->done++;
	}
	return OK;
}

/** Gives the free lock to the first waiter. => false: it has given up in between */
static bool
requeue_pi_grant(struct requeue_pi *scoped r, struct futex_waiter *first)
{
	struct futex_bucket *bucket = futex_bucket_at(r->a);
	RCU_SCOPE();
	SPIN_SCOPE(&bucket->lock);
	LIST_FOR(futex_list, waiter, &bucket->waiters) {
		if (waiter != first)
			continue;
		futex_release(bucket, waiter, FUTEX_GRANTED);
		r->done++;
		return true;
	}
	return false;
}

err_t
futex_requeue_pi(struct futex_word from, struct futex_word to, u32 requeue, u32 value, u64 *scoped moved)
{
	struct requeue_pi r = { .limit = (u64)requeue + 1 };
	struct futex_waiter *first = nullptr;
	enum pi_attempt found = PI_TAKEN;
	u32 now = 0;
	if (from.at.raw == to.at.raw)
		return EINVAL;
	TRY(futex_key(from, false, &r.from));
	TRY(futex_key(to, true, &r.to));
	r.a = futex_bucket_number(&r.from);
	r.b = futex_bucket_number(&r.to);
	MUTEX_SCOPE(pi_lock(&r.to));
	{
		struct futex_bucket *bucket = futex_bucket_at(r.a);
		SPIN_SCOPE(&bucket->lock);
		r.ticket = bucket->tickets;
	}
	TRY(copy_in_u32(from.at, &now));
	if (now != value)
		return EAGAIN;
	TRY(requeue_pi_first(&r, &first));
	if (first == nullptr)
		return OK;
	/* Waiters that give up take the target's pi_lock first, so `first` is there. */
	u32 tid = first->tid;
	TRY(pi_attempt(to.at, tid, requeue != 0, &found, &r.owner));
	if (found == PI_TAKEN) {
		r.owner = tid;
		(void)requeue_pi_grant(&r, first);
	}
	futex_lock_two(r.a, r.b);
	err_t err = requeue_pi_move(&r);
	futex_unlock_two(r.a, r.b);
	pi_boost_new(&r.to, r.owner);
	*moved = r.done;
	return err;
}

/* --- the owner's end --- */

/** A key for whose lock somebody waits that `tid` owns. */
static bool
bucket_owned(u32 number, u32 tid, struct vm_futex_key *scoped key)
{
	struct futex_bucket *bucket = futex_bucket_at(number);
	if (atomic32_load(&bucket->count) == 0)
		return false;
	SPIN_SCOPE(&bucket->lock);
	LIST_FOR(futex_list, waiter, &bucket->waiters) {
		if (waiter->pi && waiter->owner == tid) {
			*key = waiter->key;
			return true;
		}
	}
	return false;
}

static void
pi_bequeath(const struct vm_futex_key *scoped key, u32 tid)
{
	MUTEX_SCOPE(pi_lock(key));
	struct futex_waiter *next = pi_first(key);
	if (next != nullptr && next->owner == tid)
		pi_grant(next, key, FUTEX_INHERITED);
}

void
futex_exit_pi(struct thread *thread)
{
	u32 tid = atomic32_load(&thread->tid);
	struct vm_futex_key key = {};
	if (atomic32_load(&pi_waiters) == 0)
		return;
	for (u32 i = 0; i < futex_bucket_count(); i++)
		while (bucket_owned(i, tid, &key))
			pi_bequeath(&key, tid);
}
