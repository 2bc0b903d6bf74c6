// SPDX-License-Identifier: MPL-2.0
// RCU: grace periods wait for readers, not for idle CPUs; deferred calls are made.
#include <cadre/atomic.h>
#include <sync/rcu.h>
#include <task/test/child.h>

static u32 stop, *published;
static u32 cells[2];

static void
reader(struct object *arg)
{
	(void)arg;
	while (__atomic_load_n(&stop, __ATOMIC_SEQ_CST) == 0) {
		for (u32 i = 0; i < 100; i++) {
			RCU_SCOPE();
			u32 *cell = POINTER_LOAD(published);
			for (u32 j = 0; j < 10; j++) {
				EXPECT_EQ(__atomic_load_n(cell, __ATOMIC_RELAXED), 1);
				arch_pause();
			}
		}
		nap(50 * NS_PER_US);
	}
}

TEST(what_readers_may_see_stays_until_they_are_done)
{
	struct task *readers[3];
	stop = 0;
	cells[0] = 1;
	published = &cells[0];
	for (u32 i = 0; i < 3; i++)
		readers[i] = start(reader, nullptr);
	for (u32 i = 0; i < 100; i++) {
		u32 *old = &cells[i % 2], *new = &cells[(i + 1) % 2];
		__atomic_store_n(new, 1, __ATOMIC_RELAXED);
		POINTER_PUBLISH(published, new);
		rcu_synchronize();
		__atomic_store_n(old, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < 3; i++)
		finish(readers[i], TASK_RETURNED);
}

static struct rcu_head heads[50];
static u32 called;
static void
note(struct rcu_head *head)
{
	EXPECT(head >= heads && head < heads + COUNTOF(heads));
	__atomic_fetch_add(&called, 1, __ATOMIC_SEQ_CST);
	if (head == &heads[7])
		misuse("on purpose");
}
TEST(deferred_calls_are_made_even_if_one_traps)
{
	called = 0;
	for (u32 i = 0; i < COUNTOF(heads); i++)
		rcu_defer(&heads[i], note);
	AWAIT(__atomic_load_n(&called, __ATOMIC_SEQ_CST) == COUNTOF(heads));
}

TEST(synchronizing_in_a_read_section_traps)
{
	EXPECT_TRAP(rcu_read_begin(); rcu_synchronize());
	EXPECT_EQ(this_cpu()->preempt_off, 0);
}
