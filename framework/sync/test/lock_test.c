// SPDX-License-Identifier: MPL-2.0
// Spin locks, mutexes and rw locks: exclusion, misuse, holders that trap.
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <task/test/child.h>

enum : u32 { ROUNDS = 300, CHILDREN = 8 };

static struct spin_lock spin;
static struct irq_spin_lock irq_spin;
static struct mutex mutex;
static struct rw_lock rw;
static struct spin_lock many[TASK_LOCKS_MAX + 1];
static u64 shared, mirror;   /* equal whenever the lock is free */
static u32 readers_seen;     /* [atomic] */

static void
reset(void)
{
	spin = (struct spin_lock){};
	irq_spin = (struct irq_spin_lock){};
	mutex = (struct mutex){};
	rw = (struct rw_lock){};
	shared = mirror = 0;
}

static void
change(void)
{
	EXPECT_EQ(shared, mirror);
	shared++;
	arch_pause();
	mirror++;
}

static void spin_child(struct object *arg) { (void)arg; for (u32 i = 0; i < ROUNDS; i++) { SPIN_SCOPE(&spin); change(); } }
static void irq_spin_child(struct object *arg) { (void)arg; for (u32 i = 0; i < ROUNDS; i++) { IRQ_SPIN_SCOPE(&irq_spin); change(); } }
static void mutex_child(struct object *arg) { (void)arg; for (u32 i = 0; i < ROUNDS; i++) { MUTEX_SCOPE(&mutex); change(); } }
static void mutex_sleeper(struct object *arg) { (void)arg; for (u32 i = 0; i < 50; i++) { MUTEX_SCOPE(&mutex); change(); nap(20 * NS_PER_US); } }

TEST(spin_lock_excludes) { reset(); run_all(spin_child, CHILDREN); EXPECT_EQ(shared, ROUNDS * CHILDREN); }
TEST(irq_spin_lock_excludes) { reset(); run_all(irq_spin_child, CHILDREN); EXPECT_EQ(shared, ROUNDS * CHILDREN); }
TEST(mutex_excludes) { reset(); run_all(mutex_child, CHILDREN); EXPECT_EQ(shared, ROUNDS * CHILDREN); }
TEST(mutex_held_while_sleeping_excludes) { reset(); run_all(mutex_sleeper, CHILDREN); EXPECT_EQ(shared, 50 * CHILDREN); EXPECT_EQ(mutex.word & 0x7fffffff, 0); }

static void
rw_child(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < 300; i++) {
		if (i % 4 == 0) {
			RW_WRITE_SCOPE(&rw);
			change();
			if (i % 16 == 0)
				nap(10 * NS_PER_US);
		} else {
			RW_READ_SCOPE(&rw);
			EXPECT_EQ(shared, mirror);
			__atomic_fetch_add(&readers_seen, 1, __ATOMIC_RELAXED);
			if (i % 7 == 0)
				nap(10 * NS_PER_US);
		}
	}
}
TEST(rw_lock_keeps_writers_apart_from_all)
{
	reset();
	readers_seen = 0;
	run_all(rw_child, CHILDREN);
	EXPECT_EQ(shared, 75 * CHILDREN);
	EXPECT_EQ(readers_seen, 225 * CHILDREN);
	EXPECT_EQ(rw.word, 0);
}

static u32 stage, waiting;   /* [atomic] */
static void
second_reader(struct object *arg)
{
	(void)arg;
	RW_READ_SCOPE(&rw);
	__atomic_store_n(&stage, 1, __ATOMIC_SEQ_CST);
}
static void
waiting_writer(struct object *arg)
{
	(void)arg;
	RW_WRITE_SCOPE(&rw);
	__atomic_store_n(&stage, 2, __ATOMIC_SEQ_CST);
}

static void
two_readers(void) NO_THREAD_SAFETY("a test of the orders")
{
	rw_read_acquire(&rw);
	finish(start(second_reader, nullptr), TASK_RETURNED);
	EXPECT_EQ(stage, 1);
	struct task *writer = start(waiting_writer, nullptr);
	AWAIT(parked(writer));
	EXPECT_EQ(stage, 1);
	struct task *reader = start(second_reader, nullptr);   /* held off by the writer that waits */
	stage = 0;
	AWAIT(parked(reader));
	EXPECT_EQ(stage, 0);
	rw_read_release(&rw);
	finish(writer, TASK_RETURNED);
	finish(reader, TASK_RETURNED);
	EXPECT_EQ(rw.word, 0);
}
TEST(readers_share_and_a_waiting_writer_goes_first) { reset(); stage = 0; two_readers(); }

static void
downgrade(void) NO_THREAD_SAFETY("a test of the orders")
{
	rw_write_acquire(&rw);
	struct task *writer = start(waiting_writer, nullptr);
	AWAIT(parked(writer));
	rw_downgrade(&rw);
	nap(3 * NS_PER_MS);
	EXPECT_EQ(stage, 0);
	EXPECT_TRAP(rw_write_release(&rw));
	rw_read_release(&rw);
	finish(writer, TASK_RETURNED);
	EXPECT_EQ(stage, 2);
}
TEST(downgraded_lock_keeps_writers_out) { reset(); stage = 0; downgrade(); }

static void
twice(void) NO_THREAD_SAFETY("misuse")
{
	EXPECT_TRAP(spin_acquire(&spin); spin_acquire(&spin));
	EXPECT_TRAP(irq_spin_acquire(&irq_spin); irq_spin_acquire(&irq_spin));
	EXPECT_TRAP(mutex_acquire(&mutex); mutex_acquire(&mutex));
	EXPECT_TRAP(rw_read_acquire(&rw); rw_read_acquire(&rw));
	EXPECT_TRAP(rw_write_acquire(&rw); rw_read_acquire(&rw));
	EXPECT_TRAP(irq_spin_acquire(&irq_spin); spin_acquire(&many[0]));
}
TEST(lock_taken_twice_traps_and_is_free_again)
{
	reset();
	twice();
	EXPECT(spin_poisoned(&spin) && spin_poisoned(&irq_spin.lock) && mutex_poisoned(&mutex) && rw_poisoned(&rw));
	EXPECT(arch_irq_enabled());
	EXPECT_EQ(this_cpu()->preempt_off, 0);
	EXPECT_EQ(task_current()->nlocks, 0);
	EXPECT_EQ(task_current()->nirq, 0);
	run_all(spin_child, 2);
	run_all(irq_spin_child, 2);
	run_all(mutex_child, 2);
	run_all(rw_child, 2);
	SPIN_SCOPE(&spin);
	spin_clear_poison(&spin);
	EXPECT(!spin_poisoned(&spin));
}

static void
foreign(void) NO_THREAD_SAFETY("misuse")
{
	EXPECT_TRAP(spin_release(&spin));
	EXPECT_TRAP(irq_spin_release(&irq_spin));
	EXPECT_TRAP(mutex_release(&mutex));
	EXPECT_TRAP(rw_read_release(&rw));
	EXPECT_TRAP(rw_write_release(&rw));
	EXPECT_TRAP(rw_downgrade(&rw));
	EXPECT_TRAP(spin_clear_poison(&spin));
	EXPECT_TRAP(mutex_clear_poison(&mutex));
	EXPECT_TRAP(rcu_read_end());
}
TEST(lock_released_by_who_does_not_hold_it_traps)
{
	reset();
	foreign();
	EXPECT_EQ(spin.next, spin.serving);
	EXPECT_EQ(mutex.word, 0);
	EXPECT_EQ(rw.word, 0);
}

static void
take_many(void) NO_THREAD_SAFETY("misuse")
{
	EXPECT_TRAP(for (u32 i = 0; i < COUNTOF(many); i++) spin_acquire(&many[i]));
	for (u32 i = 0; i < TASK_LOCKS_MAX; i++)
		EXPECT(spin_poisoned(&many[i]) && !spin_held(&many[i]));
	EXPECT(!spin_poisoned(&many[TASK_LOCKS_MAX]));
}
TEST(too_many_locks_trap_and_all_are_released) { take_many(); }

static void
out_of_order(void) NO_THREAD_SAFETY("a test of the orders")
{
	static struct irq_spin_lock other;
	irq_spin_acquire(&irq_spin);
	irq_spin_acquire(&other);
	irq_spin_release(&irq_spin);
	EXPECT(!arch_irq_enabled());
	EXPECT(irq_spin_held(&other) && !irq_spin_held(&irq_spin));
	irq_spin_release(&other);
	EXPECT(arch_irq_enabled());
}
TEST(interrupts_stay_off_until_the_last_irq_spin_lock_is_released) { reset(); out_of_order(); }

static void
hold_and_trap(struct object *arg) NO_THREAD_SAFETY("on purpose")
{
	(void)arg;
	mutex_acquire(&mutex);
	rw_write_acquire(&rw);
	__atomic_store_n(&stage, 1, __ATOMIC_SEQ_CST);
	AWAIT(__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) != 0);
	spin_acquire(&spin);
	irq_spin_acquire(&irq_spin);
	misuse("on purpose");
}
static void wait_for_mutex(struct object *arg) { (void)arg; MUTEX_SCOPE(&mutex); EXPECT(mutex_poisoned(&mutex)); }
static void wait_for_reading(struct object *arg) { (void)arg; RW_READ_SCOPE(&rw); EXPECT(rw_poisoned(&rw)); }
TEST(holder_that_traps_lets_waiters_in_and_poisons)
{
	reset();
	stage = waiting = 0;
	struct task *holder = start(hold_and_trap, nullptr);
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == 0)
		task_yield();
	struct task *waiter = start(wait_for_mutex, nullptr), *reader = start(wait_for_reading, nullptr);
	AWAIT(parked(waiter) && parked(reader));
	__atomic_store_n(&waiting, 1, __ATOMIC_SEQ_CST);
	finish(holder, TASK_TRAPPED);
	finish(waiter, TASK_RETURNED);
	finish(reader, TASK_RETURNED);
	EXPECT(spin_poisoned(&spin) && spin_poisoned(&irq_spin.lock));
	EXPECT_EQ(spin.next, spin.serving);
}

static void
tries(void) NO_THREAD_SAFETY("a test of trying")
{
	EXPECT(spin_try_acquire(&spin) && spin_held(&spin));
	EXPECT(!mutex_held(&mutex) && mutex_try_acquire(&mutex) && mutex_held(&mutex));
	EXPECT(rw_read_try_acquire(&rw));
	static struct spin_lock taken_spin = { .next = 1 };
	static struct mutex taken_mutex = { .word = 99 };
	static struct rw_lock written = { .word = 1u << 31 }, read = { .word = 1 };
	EXPECT(!spin_try_acquire(&taken_spin));
	EXPECT(!mutex_try_acquire(&taken_mutex));
	EXPECT(!rw_read_try_acquire(&written));
	EXPECT(!rw_write_try_acquire(&read));
	rw_read_release(&rw);
	EXPECT(rw_write_try_acquire(&rw));
	rw_write_release(&rw);
	mutex_release(&mutex);
	spin_release(&spin);
	EXPECT_EQ(this_cpu()->preempt_off, 0);
}
static void
on_the_stack(void) NO_THREAD_SAFETY("misuse")
{
	struct mutex local = {};
	struct spin_lock local_spin = {};
	EXPECT_TRAP(mutex_acquire(&local));
	EXPECT_TRAP(spin_acquire(&local_spin));
	EXPECT_TRAP((void)rw_read_try_acquire(&(struct rw_lock){}));
}
TEST(lock_on_a_stack_traps) { on_the_stack(); }
static void
with_interrupts_off(void) NO_THREAD_SAFETY("misuse")
{
	u64 flags = arch_irq_save();
	EXPECT_TRAP(spin_acquire(&spin));
	EXPECT_TRAP((void)spin_try_acquire(&spin));
	arch_irq_restore(flags);
	EXPECT_TRAP(irq_spin_acquire(&irq_spin); spin_acquire(&spin));
	EXPECT(!spin_poisoned(&spin) && spin_poisoned(&irq_spin.lock) && arch_irq_enabled());
}
TEST(spin_lock_with_interrupts_off_traps) { reset(); with_interrupts_off(); }

static void release_outer(struct object *arg) NO_THREAD_SAFETY("misuse") { (void)arg; mutex_release(&mutex); }
static void keep_inner(struct object *arg) NO_THREAD_SAFETY("misuse") { (void)arg; spin_acquire(&spin); }
TEST(contained_call_neither_releases_what_its_caller_holds_nor_keeps_a_lock)
{
	reset();
	MUTEX_SCOPE(&mutex);
	EXPECT(!contain_call(release_outer, nullptr));
	EXPECT(mutex_held(&mutex) && !mutex_poisoned(&mutex));
	EXPECT(!contain_call(keep_inner, nullptr));
	EXPECT(!spin_held(&spin) && spin_poisoned(&spin));
}
struct lock_cell { u64 value; };
OBJECT_DECLARE(lock_cell);
OBJECT_DEFINE(lock_cell);

static void
serve_holder_of_many(void) NO_THREAD_SAFETY("a loop of locks")
{
	struct lock_cell *cells[40] = {};
	struct frame *frames[80] = {};
	reset();
	for (u32 i = 0; i < TASK_LOCKS_MAX; i++)
		spin_acquire(&many[i]);
	for (u32 i = 0; i < COUNTOF(cells); i++)
		cells[i] = lock_cell_alloc();
	for (u32 i = 0; i < COUNTOF(frames); i++)
		frames[i] = frame_alloc();
	for (u32 i = 0; i < COUNTOF(cells); i++)
		lock_cell_put(cells[i]);
	for (u32 i = 0; i < COUNTOF(frames); i++)
		frame_put(frames[i]);
	for (u32 i = 0; i < TASK_LOCKS_MAX; i++)
		spin_release(&many[i]);
	EXPECT(slab_policy_active == &slab_policy && frame_policy_active == &frame_policy);
}
/** A policy's own locks come on top: it does not trap, and stays. */
TEST(policies_serve_who_holds_as_many_locks_as_it_may) { serve_holder_of_many(); }

/** As after so many calls: what the framework has pinned stays pinned. */
TEST(preemption_switched_off_ever_so_often_stays_off)
{
	preempt_disable();
	this_cpu()->preempt_off += ~(u32)0;
	EXPECT_TRAP(task_yield());
	rcu_read_begin();
	EXPECT_TRAP(task_yield());
	rcu_read_end();
	this_cpu()->preempt_off -= ~(u32)0;
	preempt_enable();
	EXPECT_EQ(this_cpu()->preempt_off, 0);
}

TEST(trying_never_waits) { reset(); tries(); }

static void
tries_in_handler(void) NO_THREAD_SAFETY("misuse")
{
	u64 flags = arch_irq_save();
	interrupt_enter();
	EXPECT(irq_context());
	EXPECT_TRAP(spin_acquire(&spin));
	EXPECT_TRAP(mutex_acquire(&mutex));
	EXPECT_TRAP((void)mutex_try_acquire(&mutex));
	EXPECT_TRAP(rw_read_acquire(&rw));
	EXPECT_TRAP(task_yield());
	EXPECT_TRAP((void)task_current());
	EXPECT_TRAP(task_exit());
	EXPECT_TRAP(preempt_enable());
	EXPECT_TRAP(rcu_read_end());
	EXPECT_TRAP(irq_spin_acquire(&irq_spin); misuse("on purpose"));
	EXPECT(spin_poisoned(&irq_spin.lock) && !arch_irq_enabled());
	irq_spin_acquire(&irq_spin);
	irq_spin_release(&irq_spin);
	EXPECT(!arch_irq_enabled());
	interrupt_exit(false);
	arch_irq_restore(flags);
}
/** What the interrupted task holds is out of a handler's reach. */
static void
handler_over_holder(void) NO_THREAD_SAFETY("misuse")
{
	rcu_read_begin();
	preempt_disable();
	spin_acquire(&spin);
	tries_in_handler();
	EXPECT(spin_held(&spin));
	spin_release(&spin);
	preempt_enable();
	rcu_read_end();
}
TEST(what_tasks_may_do_traps_in_handlers) { reset(); tries_in_handler(); reset(); handler_over_holder(); EXPECT_EQ(this_cpu()->preempt_off, 0); }
