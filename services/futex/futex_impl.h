// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of futexes: waiters and their buckets.
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/list.h>
#include <cadre/spin.h>
#include <cadre/sync.h>

#include <clock.h>
#include <futex.h>
#include <signal.h>
#include <syscall_handlers.h>
#include <uio.h>

enum : u32 { FUTEX_TID_MASK = 0x3fffffff, FUTEX_OWNER_DIED = 0x40000000, FUTEX_WAITERS = 0x80000000, FUTEX_BITS_ALL = ~(u32)0 };

enum futex_state : u32 {
	FUTEX_QUEUED,
	FUTEX_WOKEN,      /**< taken off by a wake */
	FUTEX_GRANTED,    /**< a PI waiter owns the lock: the word says so */
	FUTEX_INHERITED,  /**< likewise, but the owner died: the waiter writes the word itself */
};

/**
 * One who waits on one word. Each thread has one for its plain waits; futex_waitv makes an array.
 * All but `state`, `bucket` and what is set before queueing is guarded by the lock of the bucket that it is in.
 */
struct futex_waiter {
	struct wait_queue wait;
	struct atomic32 state;              /* enum futex_state */
	struct atomic32 bucket;             /* where it is queued: changes by requeueing alone */
	struct vm_futex_key key;
	u32 bitset;
	u64 ticket;                         /* order of arrival in its bucket */
	struct futex_waiter *sleeper;       /* [const] while queued: whose `wait` is slept on: itself, or the first of a futex_waitv */
	bool realtime;                      /* [const] while queued: sleeps until a point of real time */
	bool pi;                            /* waits for a PI lock */
	bool to_pi;                         /* [const] FUTEX_WAIT_REQUEUE_PI: to be moved to pi_key */
	u32 tid, owner;                     /* PI: the waiter's, and who has the lock */
	struct thread *thread;              /* PI: likewise, alive while queued; not counted */
	struct vm_futex_key pi_key;         /* [const] while queued */
	LIST_LINK(struct futex_waiter) link;
};
OBJECT_DECLARE(futex_waiter);
ARRAY_DECLARE(futex_waiter_array, struct futex_waiter);
LIST_OF(futex_list, struct futex_waiter, link);

struct futex_bucket {
	struct spin_lock lock;
	struct atomic32 count;              /* waiters queued or about to be: 0 says that a wake has nothing to do */
	u64 tickets;                        /* under the lock */
	struct futex_list waiters;          /* under the lock */
};
ARRAY_DECLARE(futex_bucket_array, struct futex_bucket);

/** Until when to sleep. */
struct futex_deadline { u64 ns; bool realtime, given; };
struct futex_word { uaddr_t at; bool shared; };

/* --- table.c --- */
u32 futex_bucket_number(const struct vm_futex_key *scoped key);
struct futex_bucket *futex_bucket_at(u32 number);
u32 futex_bucket_count(void);
static inline bool futex_key_equal(const struct vm_futex_key *scoped a, const struct vm_futex_key *scoped b) { return a->offset == b->offset && a->space == b->space; }
/** => EINVAL (misaligned), EFAULT */
err_t futex_key(struct futex_word word, bool for_write, struct vm_futex_key *scoped key);
/** The running thread's own waiter, made at its first wait. => null: ENOMEM */
struct futex_waiter *futex_self(void);
/** Puts it into its key's bucket, at the end. */
void futex_enter(struct futex_waiter *waiter);
/** Takes it off. => false: somebody else has; then `state` says why */
bool futex_leave(struct futex_waiter *waiter);
/** Takes it off in the waker's name, and wakes its thread. In an RCU section. */
void futex_release(struct futex_bucket *bucket, struct futex_waiter *waiter, enum futex_state state) MUST_HOLD(&bucket->lock);
/** Moves it to another key's bucket; both are locked. */
void futex_move(struct futex_waiter *waiter, struct futex_bucket *from, struct futex_bucket *to, const struct vm_futex_key *scoped key);
/** Locks one or two buckets in order; null `second` where they are the same. */
void futex_lock_two(u32 a, u32 b);
void futex_unlock_two(u32 a, u32 b);
/** Sleeps until it is taken off. => OK, EINTR (a signal), ETIMEDOUT: it still stands in its bucket then */
err_t futex_sleep(struct futex_waiter *waiter, const struct futex_deadline *scoped deadline);
/** => EINVAL: waiters of another kind are there */
err_t futex_wake(const struct vm_futex_key *scoped key, u32 n, u32 bitset, u64 *scoped woken);

/* --- pi.c --- */
err_t futex_lock_pi(struct futex_word word, const struct futex_deadline *scoped deadline, bool try);
err_t futex_unlock_pi(struct futex_word word);
err_t futex_wait_requeue_pi(struct futex_word from, struct futex_word to, u32 value, u32 bitset, const struct futex_deadline *scoped deadline);
err_t futex_requeue_pi(struct futex_word from, struct futex_word to, u32 requeue, u32 value, u64 *scoped moved);
void futex_exit_pi(struct thread *thread);
void futex_priority_pi(struct thread *thread);   /* its own priority has changed: those that it waits for are lent another */
