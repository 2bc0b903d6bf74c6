// SPDX-License-Identifier: MPL-2.0
/**
 * futex(2) and futex_waitv(2): decoding, and the operations that know no owner.
 *
 * Requeueing compares the word before it takes any lock, since user memory cannot be read under one. It then moves only waiters that had
 * queued before it looked: it is as if all had happened at the moment of the comparison.
 */
#include "futex_impl.h"

enum futex_op : u32 {
	FUTEX_WAIT = 0, FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI,
	FUTEX_TRYLOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2, FUTEX_OPS,
	FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256, FUTEX_COMMAND = ~(u32)(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME),
};

/** A call, decoded. */
struct futex_call {
	struct futex_word word, word2;
	u32 value, value2, value3;
	struct futex_deadline deadline;
};

/* --- waiting --- */

/** Queues, and compares the word. => OK: it is to sleep; EAGAIN; EFAULT; *woken: a wake came first, which counts as having slept */
static err_t
wait_begin(struct futex_waiter *waiter, struct futex_word word, u32 value, bool *scoped woken)
{
	u32 now = 0;
	futex_enter(waiter);
	err_t err = copy_in_u32(word.at, &now);
	if (err == OK && now == value)
		return OK;
	*woken = !futex_leave(waiter);
	return err != OK ? err : *woken ? OK : EAGAIN;
}

static err_t
futex_wait(struct futex_word word, u32 value, u32 bitset, const struct futex_deadline *scoped deadline)
{
	struct futex_waiter *waiter = futex_self();
	bool woken = false;
	if (waiter == nullptr)
		return ENOMEM;
	TRY(futex_key(word, false, &waiter->key));
	waiter->bitset = bitset;
	waiter->realtime = deadline->realtime;
	TRY(wait_begin(waiter, word, value, &woken));
	if (woken)
		return OK;
	err_t err = futex_sleep(waiter, deadline);
	return err != OK && !futex_leave(waiter) ? OK : err;
}

enum : u64 { RESTART_SHARED = 1, RESTART_REALTIME = 2 };

/** A wait with a time limit that a signal cut short goes on until the same moment. */
static err_t
futex_wait_again(const struct restart *scoped restart, u64 *scoped result)
{
	struct futex_word word = { UADDR(restart->arg[0]), (restart->arg[4] & RESTART_SHARED) != 0 };
	struct futex_deadline deadline = { restart->arg[3], (restart->arg[4] & RESTART_REALTIME) != 0, true };
	*result = 0;
	err_t err = futex_wait(word, (u32)restart->arg[1], (u32)restart->arg[2], &deadline);
	return err == EINTR ? ERESTART_RESTARTBLOCK : err;
}

static err_t
wait_call(const struct futex_call *scoped call, u32 bitset)
{
	err_t err = futex_wait(call->word, call->value, bitset, &call->deadline);
	if (err != EINTR)
		return err;
	if (!call->deadline.given)
		return ERESTARTSYS;
	u64 flags = (call->word.shared ? RESTART_SHARED : 0) | (call->deadline.realtime ? RESTART_REALTIME : 0);
	thread_current()->restart = (struct restart){ futex_wait_again,
		{ call->word.at.raw, call->value, bitset, call->deadline.ns, flags } };
	return ERESTART_RESTARTBLOCK;
}

static err_t
op_wait_bitset(const struct futex_call *scoped call, u64 *scoped result)
{
	(void)result;
	return call->value3 != 0 ? wait_call(call, call->value3) : EINVAL;
}

static err_t
op_wait(const struct futex_call *scoped call, u64 *scoped result)
{
	(void)result;
	return wait_call(call, FUTEX_BITS_ALL);
}

/* --- waking --- */

/** A count of 0 or less wakes one. */
static u32
wake_count(u32 value)
{
	return (i32)value < 1 ? 1 : value;
}

static err_t
op_wake_bitset(const struct futex_call *scoped call, u64 *scoped result)
{
	struct vm_futex_key key = {};
	if (call->value3 == 0)
		return EINVAL;
	TRY(futex_key(call->word, false, &key));
	return futex_wake(&key, wake_count(call->value), call->value3, result);
}

static err_t
op_wake(const struct futex_call *scoped call, u64 *scoped result)
{
	return futex_wake_at(call->word.at, call->word.shared, wake_count(call->value), result);
}

/** FUTEX_WAKE_OP's operation: 4 bits (the highest: the argument is a shift), 4 bits of comparison, 12 bits of each argument. */
struct word_op { u32 op, compare; i32 arg, compare_arg; };

static struct word_op
word_op_decode(u32 code)
{
	struct word_op op = { code >> 28 & 7, code >> 24 & 15, (i32)(code << 8) >> 20, (i32)(code << 20) >> 20 };
	if (code >> 31 != 0)
		op.arg = (i32)((u32)1 << ((u32)op.arg & 31));
	return op;
}

static bool
word_op_apply(const struct word_op *scoped op, u32 old, u32 *scoped new)
{
	u32 arg = (u32)op->arg;
	const u32 results[] = { arg, old + arg, old | arg, old & ~arg, old ^ arg };
	if (op->op >= COUNTOF(results))
		return false;
	*new = results[op->op];
	return true;
}

static bool
word_op_compare(const struct word_op *scoped op, u32 old, bool *scoped met)
{
	i32 a = (i32)old, b = op->compare_arg;
	const bool results[] = { a == b, a != b, a < b, a <= b, a > b, a >= b };
	if (op->compare >= COUNTOF(results))
		return false;
	*met = results[op->compare];
	return true;
}

static err_t
word_op_run(uaddr_t at, const struct word_op *scoped op, u32 *scoped old)
{
	u32 new = 0;
	TRY(copy_in_u32(at, old));
	for (;;) {
		if (!word_op_apply(op, *old, &new))
			return ENOSYS;
		err_t err = user_compare_exchange(at, old, new);
		if (err != EAGAIN)
			return err;
	}
}

static err_t
op_wake_op(const struct futex_call *scoped call, u64 *scoped result)
{
	struct word_op op = word_op_decode(call->value3);
	struct vm_futex_key key = {}, key2 = {};
	u32 old = 0;
	u64 woken = 0;
	bool met = false;
	TRY(futex_key(call->word, false, &key));
	TRY(futex_key(call->word2, true, &key2));
	TRY(word_op_run(call->word2.at, &op, &old));
	if (!word_op_compare(&op, old, &met))
		return ENOSYS;
	TRY(futex_wake(&key, wake_count(call->value), FUTEX_BITS_ALL, result));
	if (met)
		TRY(futex_wake(&key2, wake_count(call->value2), FUTEX_BITS_ALL, &woken));
	*result += woken;
	return OK;
}

/* --- requeueing --- */

struct requeue { struct vm_futex_key from, to; u32 wake, move; u64 ticket; u64 done; };

static err_t
requeue_one(struct requeue *scoped r, struct futex_bucket *from, struct futex_bucket *to, struct futex_waiter *waiter)
	NO_THREAD_SAFETY("futex_lock_two has locked both")
{
	if (waiter->pi || waiter->to_pi)
		return EINVAL;
	if (r->done < r->wake)
		futex_release(from, waiter, FUTEX_WOKEN);
	else
		futex_move(waiter, from, to, &r->to);
	r->done++;
	return OK;
}

static err_t
requeue_all(struct requeue *scoped r, struct futex_bucket *from, struct futex_bucket *to)
{
	u64 last = r->ticket;
	LIST_FOR_REMOVING(futex_list, waiter, &from->waiters) {
		if (r->done >= (u64)r->wake + r->move || waiter->ticket > last)
			break;
		if (futex_key_equal(&waiter->key, &r->from))
			TRY(requeue_one(r, from, to, waiter));
	}
	return OK;
}

/** The last ticket given in a bucket. */
static u64
bucket_ticket(struct futex_bucket *bucket)
{
	SPIN_SCOPE(&bucket->lock);
	return bucket->tickets;
}

static err_t
futex_requeue(const struct futex_call *scoped call, bool compare, u64 *scoped result)
{
	struct requeue r = { .wake = call->value, .move = call->value2 };
	u32 now = 0;
	if ((i32)call->value < 0 || (i32)call->value2 < 0)
		return EINVAL;
	TRY(futex_key(call->word, false, &r.from));
	TRY(futex_key(call->word2, false, &r.to));
	u32 a = futex_bucket_number(&r.from), b = futex_bucket_number(&r.to);
	struct futex_bucket *from = futex_bucket_at(a);
	r.ticket = bucket_ticket(from);
	if (compare) {
		TRY(copy_in_u32(call->word.at, &now));
		if (now != call->value3)
			return EAGAIN;
	}
	RCU_SCOPE();
	futex_lock_two(a, b);
	err_t err = requeue_all(&r, from, futex_bucket_at(b));
	futex_unlock_two(a, b);
	*result = r.done;
	return err;
}

static err_t
op_requeue(const struct futex_call *scoped call, u64 *scoped result)
{
	return futex_requeue(call, false, result);
}

static err_t
op_cmp_requeue(const struct futex_call *scoped call, u64 *scoped result)
{
	return futex_requeue(call, true, result);
}

/* --- priority inheriting --- */

static err_t
op_lock_pi(const struct futex_call *scoped call, u64 *scoped result)
{
	(void)result;
	return futex_lock_pi(call->word, &call->deadline, false);
}

static err_t
op_trylock_pi(const struct futex_call *scoped call, u64 *scoped result)
{
	(void)result;
	return futex_lock_pi(call->word, &call->deadline, true);
}

static err_t
op_unlock_pi(const struct futex_call *scoped call, u64 *scoped result)
{
	(void)result;
	return futex_unlock_pi(call->word);
}

static err_t
op_wait_requeue_pi(const struct futex_call *scoped call, u64 *scoped result)
{
	(void)result;
	return futex_wait_requeue_pi(call->word, call->word2, call->value, FUTEX_BITS_ALL, &call->deadline);
}

static err_t
op_cmp_requeue_pi(const struct futex_call *scoped call, u64 *scoped result)
{
	if (call->value != 1 || (i32)call->value2 < 0)
		return EINVAL;
	return futex_requeue_pi(call->word, call->word2, call->value2, call->value3, result);
}

/* --- decoding --- */

typedef err_t futex_op_fn(const struct futex_call *scoped call, u64 *scoped result);
enum op_flags : u32 { OP_TIMEOUT = 1, OP_RELATIVE = 2, OP_REALTIME = 4, OP_MAY_REALTIME = 8 };
struct op_entry { futex_op_fn *fn; u32 flags; };

static const struct op_entry ops[FUTEX_OPS] = {
	[FUTEX_WAIT] = { op_wait, OP_TIMEOUT | OP_RELATIVE },
	[FUTEX_WAKE] = { op_wake, 0 },
	[FUTEX_REQUEUE] = { op_requeue, 0 },
	[FUTEX_CMP_REQUEUE] = { op_cmp_requeue, 0 },
	[FUTEX_WAKE_OP] = { op_wake_op, 0 },
	[FUTEX_LOCK_PI] = { op_lock_pi, OP_TIMEOUT | OP_REALTIME },
	[FUTEX_UNLOCK_PI] = { op_unlock_pi, 0 },
	[FUTEX_TRYLOCK_PI] = { op_trylock_pi, 0 },
	[FUTEX_WAIT_BITSET] = { op_wait_bitset, OP_TIMEOUT | OP_MAY_REALTIME },
	[FUTEX_WAKE_BITSET] = { op_wake_bitset, 0 },
	[FUTEX_WAIT_REQUEUE_PI] = { op_wait_requeue_pi, OP_TIMEOUT | OP_MAY_REALTIME },
	[FUTEX_CMP_REQUEUE_PI] = { op_cmp_requeue_pi, 0 },
	[FUTEX_LOCK_PI2] = { op_lock_pi, OP_TIMEOUT | OP_MAY_REALTIME },
};

static err_t
deadline_read(uaddr_t from, bool relative, bool realtime, struct futex_deadline *scoped out)
{
	struct timespec time = {};
	TRY(copy_in_value(time, from));
	if (!timespec_valid(time))
		return EINVAL;
	u64 ns = timespec_to_ns(time);
	*out = (struct futex_deadline){ relative ? deadline_after(ns) : ns, realtime && !relative, true };
	return OK;
}

err_t
sys_futex(uaddr_t uaddr, i32 op, u32 val, uaddr_t timeout, uaddr_t uaddr2, u32 val3, u64 *scoped result)
{
	u32 command = (u32)op & FUTEX_COMMAND;
	bool shared = ((u32)op & FUTEX_PRIVATE) == 0, realtime = ((u32)op & FUTEX_CLOCK_REALTIME) != 0;
	struct op_entry entry = command < FUTEX_OPS ? ops[command] : (struct op_entry){};
	struct futex_call call = { { uaddr, shared }, { uaddr2, shared }, val, (u32)timeout.raw, val3, {} };
	if ((entry.flags & OP_TIMEOUT) != 0 && timeout.raw != 0)
		TRY(deadline_read(timeout, (entry.flags & OP_RELATIVE) != 0, realtime || (entry.flags & OP_REALTIME) != 0, &call.deadline));
	if (entry.fn == nullptr || (realtime && (entry.flags & OP_MAY_REALTIME) == 0))
		return ENOSYS;
	return entry.fn(&call, result);
}

/* --- futex_waitv --- */

enum : u32 { WAITV_MAX = 128, FUTEX2_SIZE_U32 = 2, FUTEX2_PRIVATE = 128 };
struct waitv_entry { u64 value, address; u32 flags, reserved; };
ARRAY_DECLARE(waitv_array, struct waitv_entry);
ARRAY_DEFINE(waitv_array, struct waitv_entry);

static struct futex_word
waitv_word(const struct waitv_entry *scoped entry)
{
	return (struct futex_word){ UADDR(entry->address), (entry->flags & FUTEX2_PRIVATE) == 0 };
}

static err_t
waitv_read(uaddr_t from, u32 n, struct waitv_array *entries)
{
	for (u32 i = 0; i < n; i++) {
		struct waitv_entry entry = {};
		TRY(copy_in_value(entry, UADDR(from.raw + i * sizeof(entry))));
		if ((entry.flags & ~(u32)FUTEX2_PRIVATE) != FUTEX2_SIZE_U32 || entry.reserved != 0 || entry.value > FUTEX_BITS_ALL)
			return EINVAL;
		*waitv_array_at(entries, i) = entry;
	}
	return OK;
}

/** Takes the first n off. => the number of one that was woken; n: none was */
static u32
waitv_leave(struct futex_waiter_array *waiters, u32 n)
{
	u32 woken = n;
	for (u32 i = 0; i < n; i++)
		if (!futex_leave(futex_waiter_array_at(waiters, i)))
			woken = i;
	return woken;
}

/** Queues all. => *n were; OK: all words have their values */
static err_t
waitv_enter(struct waitv_array *entries, struct futex_waiter_array *waiters, u32 count, bool realtime, u32 *scoped n)
{
	struct futex_waiter *first = futex_waiter_array_at(waiters, 0);
	for (*n = 0; *n < count;) {
		struct futex_waiter *waiter = futex_waiter_array_at(waiters, *n);
		struct waitv_entry *entry = waitv_array_at(entries, *n);
		u32 now = 0;
		TRY(futex_key(waitv_word(entry), false, &waiter->key));
		waiter->bitset = FUTEX_BITS_ALL;
		waiter->sleeper = first;
		waiter->realtime = realtime;
		futex_enter(waiter);
		*n += 1;
		TRY(copy_in_u32(UADDR(entry->address), &now));
		if (now != (u32)entry->value)
			return EAGAIN;
	}
	return OK;
}

static bool
waitv_any_woken(struct futex_waiter_array *waiters, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (atomic32_load(&futex_waiter_array_at(waiters, i)->state) != FUTEX_QUEUED)
			return true;
	return false;
}

static err_t
waitv_sleep(struct futex_waiter_array *waiters, u32 n, const struct futex_deadline *scoped deadline)
{
	struct wait_queue *queue = &futex_waiter_array_at(waiters, 0)->wait;
	for (;;) {
		u32 steps = clock_realtime_steps();
		u64 at = !deadline->given ? TIME_NEVER : deadline->realtime ? clock_deadline_of_realtime(deadline->ns) : deadline->ns;
		err_t err = WAIT_UNTIL(queue, waitv_any_woken(waiters, n) || (deadline->realtime && clock_realtime_steps() != steps),
			WAIT_INTERRUPTIBLE, at);
		if (err == ETIMEDOUT || (err == EINTR && signal_pending()) || waitv_any_woken(waiters, n))
			return err;
		if (err == EINTR)
			task_clear_interrupt();
	}
}

static err_t
waitv_wait(struct waitv_array *entries, struct futex_waiter_array *waiters, const struct futex_deadline *scoped deadline, u64 *scoped result)
{
	u32 count = waitv_array_len(entries), n = 0;
	err_t err = waitv_enter(entries, waiters, count, deadline->realtime, &n);
	if (err == OK)
		err = waitv_sleep(waiters, n, deadline);
	u32 woken = waitv_leave(waiters, n);
	*result = woken;
	if (woken < n)
		return OK;
	return err == EINTR ? ERESTARTSYS : err;
}

err_t
sys_futex_waitv(uaddr_t list, u32 nr, u32 flags, uaddr_t timeout, i32 clock, u64 *scoped result)
{
	enum : i32 { CLOCK_REALTIME, CLOCK_MONOTONIC };
	struct futex_deadline deadline = {};
	REF_SCOPE(waitv_array, entries);
	if (flags != 0 || nr == 0 || nr > WAITV_MAX || list.raw == 0)
		return EINVAL;
	if (timeout.raw != 0) {
		if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
			return EINVAL;
		TRY(deadline_read(timeout, false, clock == CLOCK_REALTIME, &deadline));
	}
	entries = waitv_array_alloc(nr);
	if (entries == nullptr)
		return ENOMEM;
	TRY(waitv_read(list, nr, entries));
	struct futex_waiter_array *waiters = futex_waiter_array_alloc(nr);
	if (waiters == nullptr)
		return ENOMEM;
	err_t err = waitv_wait(entries, waiters, &deadline, result);
	futex_waiter_array_put_rcu(waiters);
	return err;
}
