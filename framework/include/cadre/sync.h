// SPDX-License-Identifier: MPL-2.0
/**
 * Sleeping synchronisation: wait queues, mutexes, reader-writer locks, and RCU.
 *
 * Like spin locks, each is a few words of which any bit pattern is valid: the queues of waiting tasks lie in the
 * framework, hashed by address, so a primitive in memory that was freed and reused can block or wake the wrong task, no
 * more. All but RCU read sections and wake-ups sleep; sleeping with a spin lock held, in an RCU read section or in an interrupt handler
 * traps.
 *
 * Lock order inside: hash bucket, then scheduler. Callers' locks come before both.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>
#include <cadre/spin.h>

struct OPAQUE wait_queue {
	PRIVATE u32 sequence;  /* counts wake-ups: a waiter sleeps only if it has not moved since it looked */
	PRIVATE u32 waiters;   /* how many may be asleep: a wake-up of nobody costs one load */
};

/** How a wait ends early. */
enum wait_mode : u8 {
	WAIT_PLAIN,           /**< by a wake-up or the deadline only */
	WAIT_INTERRUPTIBLE,   /**< also by task_interrupt (a signal): EINTR */
};

/** Starts a wait: the returned ticket is to be read *before* the condition is looked at. */
PRIVATE u32 wait_prepare(struct wait_queue *scoped queue);
/** Sleeps unless a wake-up came since `ticket`. OK (perhaps for no reason), EINTR or ETIMEDOUT. */
PRIVATE err_t wait_sleep(struct wait_queue *scoped queue, u32 ticket, enum wait_mode mode, u64 deadline_ns);
PRIVATE void wait_finish(struct wait_queue *scoped queue);

/**
 * Sleeps until `condition`, an expression looked at again after each wake-up, is true; gives an err_t.
 * => OK, EINTR (WAIT_INTERRUPTIBLE), or ETIMEDOUT once clock_now() has reached `deadline_ns` (TIME_NEVER: no limit).
 * => where the condition is true it is OK, whatever else happened.
 * => who makes it true must then call wake_all or wake_one; no wake-up is lost in between.
 */
#define WAIT_UNTIL(queue, condition, mode, deadline_ns)                                                                \
	({                                                                                                             \
		struct wait_queue *const wait_queue_ = (queue);                                                        \
		err_t wait_err_ = OK;                                                                                  \
		for (bool wait_over_ = false; !wait_over_;) {                                                          \
			u32 wait_ticket_ = wait_prepare(wait_queue_);                                                  \
			bool wait_met_ = (condition);                                                                  \
			wait_over_ = wait_met_ || wait_err_ != OK;                                                     \
			if (!wait_over_)                                                                               \
				wait_err_ = wait_sleep(wait_queue_, wait_ticket_, (mode), (deadline_ns));              \
			else if (wait_met_)                                                                            \
				wait_err_ = OK;                                                                        \
			wait_finish(wait_queue_);                                                                      \
		}                                                                                                      \
		wait_err_;                                                                                             \
	})

/** Wakes the longest-waiting task / n tasks / all; from any context. Returns how many. */
u32 wake_many(struct wait_queue *scoped queue, u32 n);
static inline u32 wake_one(struct wait_queue *scoped queue) { return wake_many(queue, 1); }
static inline u32 wake_all(struct wait_queue *scoped queue) { return wake_many(queue, ~(u32)0); }

struct CAPABILITY("mutex") OPAQUE mutex {
	PRIVATE u32 word;   /* id of the holding task, bit 31: somebody waits; 0 free */
	PRIVATE u32 poison;
};

/** => taking it twice traps; releasing another's traps; a task that ends or traps with it held releases and poisons it. */
void mutex_acquire(struct mutex *scoped lock) ACQUIRES(lock);
bool mutex_try_acquire(struct mutex *scoped lock) TRY_ACQUIRES(true, lock);
void mutex_release(struct mutex *scoped lock) RELEASES(lock);
bool mutex_held(const struct mutex *scoped lock);
static inline bool mutex_poisoned(const struct mutex *scoped lock) { return __atomic_load_n(&lock->poison, __ATOMIC_RELAXED) != 0; }
void mutex_clear_poison(struct mutex *scoped lock) MUST_HOLD(lock);
PRIVATE static inline void mutex_scope_end(struct mutex *const *p) RELEASES(*p) NO_THREAD_SAFETY("releases through the guard") { mutex_release(*p); }
#define MUTEX_SCOPE(lock) LOCK_SCOPE_(mutex, mutex_acquire, mutex_scope_end, lock)

/** Many readers or one writer, sleeping; a waiting writer holds new readers off. */
struct CAPABILITY("rw_lock") OPAQUE rw_lock {
	PRIVATE u32 word;    /* readers, writer and waiter bits */
	PRIVATE u32 poison;
};

void rw_read_acquire(struct rw_lock *scoped lock) ACQUIRES_SHARED(lock);
bool rw_read_try_acquire(struct rw_lock *scoped lock) __attribute__((try_acquire_shared_capability(true, lock)));
void rw_read_release(struct rw_lock *scoped lock) RELEASES_SHARED(lock);
void rw_write_acquire(struct rw_lock *scoped lock) ACQUIRES(lock);
bool rw_write_try_acquire(struct rw_lock *scoped lock) TRY_ACQUIRES(true, lock);
void rw_write_release(struct rw_lock *scoped lock) RELEASES(lock);
/** Turns the held write lock into a read lock, letting no other writer in between. */
void rw_downgrade(struct rw_lock *scoped lock) NO_THREAD_SAFETY("exclusive becomes shared");
static inline bool rw_poisoned(const struct rw_lock *scoped lock) { return __atomic_load_n(&lock->poison, __ATOMIC_RELAXED) != 0; }
PRIVATE static inline void rw_read_scope_end(struct rw_lock *const *p) RELEASES_SHARED(*p) NO_THREAD_SAFETY("releases through the guard") { rw_read_release(*p); }
PRIVATE static inline void rw_write_scope_end(struct rw_lock *const *p) RELEASES(*p) NO_THREAD_SAFETY("releases through the guard") { rw_write_release(*p); }
#define RW_READ_SCOPE(lock)  LOCK_SCOPE_(rw_lock, rw_read_acquire, rw_read_scope_end, lock)
#define RW_WRITE_SCOPE(lock) LOCK_SCOPE_(rw_lock, rw_write_acquire, rw_write_scope_end, lock)

/**
 * RCU: readers run without locks (POINTER_LOAD) and without being preempted; `T_put_rcu` frees after all of them.
 * A reader that holds on to an object beyond its section takes a reference with `T_get_live`.
 */
void rcu_read_begin(void);
void rcu_read_end(void); /* => traps where none was begun */
PRIVATE static inline void rcu_scope_end_(const u8 *unused) { (void)unused; rcu_read_end(); }
#define RCU_SCOPE() const u8 SCOPE_NAME_ __attribute__((cleanup(rcu_scope_end_), unused)) = ({ rcu_read_begin(); (u8)0; })
/** Sleeps until every read section that was running when it was called has ended. */
void rcu_synchronize(void);
