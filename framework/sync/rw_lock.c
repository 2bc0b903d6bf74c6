// SPDX-License-Identifier: MPL-2.0
/**
 * Reader-writer locks: many readers or one writer; a waiting writer goes before new readers.
 *
 * Sleeping writers park at &poison (any address that no reader parks at), readers at &word. Invariant: whoever sleeps has set its bit (readers RW_READERS_WAIT, writers both) in a word that
 * kept it out, after queuing itself. Who makes the word let somebody in clears the bits and wakes a writer, or where none sleeps all readers.
 * A writer that has slept sets both bits again, since others may still be asleep.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>

enum : u32 {
	RW_WRITER = 1u << 31, RW_WRITERS_WAIT = 1u << 30, RW_READERS_WAIT = 1u << 29,
	RW_WAIT = RW_WRITERS_WAIT | RW_READERS_WAIT, RW_READERS = RW_READERS_WAIT - 1,
};

static u32 word_load(const struct rw_lock *lock) { return __atomic_load_n(&lock->word, __ATOMIC_SEQ_CST); }

static bool
reader_enters(struct rw_lock *lock, u32 *word)
{
	while ((*word & (RW_WRITER | RW_WRITERS_WAIT)) == 0 && (*word & RW_READERS) != RW_READERS)
		if (word_cas(&lock->word, word, *word + 1))
			return true;
	return false;
}

static bool
writer_enters(struct rw_lock *lock, u32 *word, u32 bits)
{
	while ((*word & (RW_WRITER | RW_READERS)) == 0)
		if (word_cas(&lock->word, word, *word | RW_WRITER | bits))
			return true;
	return false;
}

static void
rw_wake(struct rw_lock *lock, u32 bits)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((bits & RW_WRITERS_WAIT) != 0 && park_wake(&lock->poison, 1) != 0)
		return;
	if ((bits & RW_WAIT) != 0)
		park_wake(&lock->word, ~(u32)0);
}

static struct task *
rw_begin(const struct rw_lock *lock, bool sleeps)
{
	if (in_handler())
		misuse("rw_lock in an interrupt handler");
	if (sleeps)
		task_check_may_sleep();
	struct task *self = task_self();
	lock_check(self, lock);
	return self;
}

void
rw_read_acquire(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = rw_begin(lock, true);
	u32 word = word_load(lock);
	while (!reader_enters(lock, &word)) {
		u32 waiting = word | RW_READERS_WAIT;
		if (word == waiting || word_cas(&lock->word, &word, waiting))
			(void)park_while(&lock->word, &lock->word, waiting, WAIT_PLAIN, TIME_NEVER, false);
		word = word_load(lock);
	}
	lock_push(self, lock, LOCK_RW_READ);
}

bool
rw_read_try_acquire(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = rw_begin(lock, false);
	u32 word = word_load(lock);
	if (!reader_enters(lock, &word))
		return false;
	lock_push(self, lock, LOCK_RW_READ);
	return true;
}

static void
rw_read_give(struct rw_lock *lock)
{
	u32 word = __atomic_sub_fetch(&lock->word, 1, __ATOMIC_SEQ_CST);
	while ((word & (RW_WRITER | RW_READERS)) == 0 && (word & RW_WAIT) != 0) {
		if (word_cas(&lock->word, &word, 0)) {
			rw_wake(lock, word);
			return;
		}
	}
}

void
rw_read_release(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	lock_pop(task_self(), lock, LOCK_RW_READ);
	rw_read_give(lock);
}

void
rw_write_acquire(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = rw_begin(lock, true);
	u32 word = word_load(lock), slept = 0;
	while (!writer_enters(lock, &word, slept)) {
		u32 waiting = word | RW_WAIT;
		if (word == waiting || word_cas(&lock->word, &word, waiting)) {
			(void)park_while(&lock->poison, &lock->word, waiting, WAIT_PLAIN, TIME_NEVER, slept != 0);
			slept = RW_WAIT;
		}
		word = word_load(lock);
	}
	lock_push(self, lock, LOCK_RW_WRITE);
}

bool
rw_write_try_acquire(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = rw_begin(lock, false);
	u32 word = word_load(lock);
	if (!writer_enters(lock, &word, 0))
		return false;
	lock_push(self, lock, LOCK_RW_WRITE);
	return true;
}

/** The word with `left` readers in it, none or the one that the writer becomes. */
static void
rw_write_give(struct rw_lock *lock, u32 left)
{
	u32 word = __atomic_exchange_n(&lock->word, left, __ATOMIC_SEQ_CST);
	rw_wake(lock, word);
}

void
rw_write_release(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	lock_pop(task_self(), lock, LOCK_RW_WRITE);
	rw_write_give(lock, 0);
}

/** A writer that waits is woken, finds a reader, and waits on in front: no other writer comes in between. */
void
rw_downgrade(struct rw_lock *lock) NO_THREAD_SAFETY("implements the lock")
{
	struct task *self = task_self();
	lock_pop(self, lock, LOCK_RW_WRITE);
	lock_push(self, lock, LOCK_RW_READ);
	rw_write_give(lock, 1);
}

void
rw_abandon(struct rw_lock *lock, enum lock_kind kind)
{
	if (kind == LOCK_RW_READ) {
		rw_read_give(lock);   /* a reader has changed nothing */
		return;
	}
	__atomic_store_n(&lock->poison, 1, __ATOMIC_RELAXED);
	rw_write_give(lock, 0);
}
