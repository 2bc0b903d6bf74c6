// SPDX-License-Identifier: MPL-2.0
// Work items: once for each queuing, never twice at once, contained.
#include <work.h>
#include <cadre/cpu.h>
#include <task/test/child.h>

static u32 runs, inside;   /* [atomic] */
static struct work *item;

static void
body(struct object *arg)
{
	(void)arg;
	EXPECT_EQ(__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST), 0);
	__atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST);
	task_yield();
	__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
}

static void
prepare(work_fn *fn)
{
	runs = inside = 0;
	item = nullptr;
	EXPECT_EQ(work_create(fn, nullptr, &item), OK);
}

/** Items that there are. */
static u64
works_live(void)
{
	u8 name[8] = {};
	struct heap_stat heap = {};
	for (u32 id = 1; heap_stat_read(id, &heap, (struct bytes){ name, sizeof(name) }); id++)
		if (cbytes_equal((struct cbytes){ name, 5 }, (struct cbytes){ (const u8 *)"work", 5 }))
			return heap.live;
	return 0;
}

TEST(work_runs_once_for_a_queuing)
{
	u64 before = works_live();
	prepare(body);
	EXPECT(work_queue(item));
	EXPECT_EQ(work_flush(item), OK);
	EXPECT_EQ(runs, 1);
	EXPECT(work_queue(item));
	work_put(item);   /* the queue's reference holds it */
	AWAIT(__atomic_load_n(&runs, __ATOMIC_SEQ_CST) == 2);
	AWAIT(works_live() == before);
	EXPECT_TRAP((void)work_queue(item));
	EXPECT_TRAP((void)work_create(nullptr, nullptr, &item));
}

TEST(work_queued_twice_before_it_runs_runs_once)
{
	prepare(body);
	preempt_disable();
	u64 flags = arch_irq_save();
	bool first = work_queue(item), second = work_queue(item);
	arch_irq_restore(flags);
	preempt_enable();
	/* A worker on another CPU may have begun in between. */
	EXPECT(first && (!second || cpu_count() > 1));
	EXPECT_EQ(work_flush(item), OK);
	EXPECT_EQ(runs, second ? 2 : 1);
	work_put(item);
}

static void requeue(struct object *arg) { (void)arg; EXPECT_EQ(work_flush(item), EDEADLK); if (__atomic_add_fetch(&runs, 1, __ATOMIC_SEQ_CST) < 20) EXPECT(work_queue(item)); }
TEST(work_may_queue_itself) { prepare(requeue); EXPECT(work_queue(item)); EXPECT_EQ(work_flush(item), OK); EXPECT_EQ(runs, 20); work_put(item); }

static void queuer(struct object *arg) { (void)arg; for (u32 i = 0; i < 200; i++) { (void)work_queue(item); if (i % 16 == 0) nap(5 * NS_PER_US); } }
TEST(work_queued_by_all_never_runs_twice_at_once) { prepare(body); run_all(queuer, 6); EXPECT_EQ(work_flush(item), OK); EXPECT_EQ(inside, 0); work_put(item); }

static void trap(struct object *arg) { (void)arg; __atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST); misuse("on purpose"); }
TEST(work_that_traps_is_not_run_again)
{
	prepare(trap);
	EXPECT(work_queue(item));
	EXPECT_EQ(work_flush(item), OK);
	EXPECT(!work_queue(item));
	EXPECT_EQ(runs, 1);
	work_put(item);
}

static void leave(struct object *arg) { (void)arg; __atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST); task_exit(); }
static void put_too_often(struct object *arg) { (void)arg; __atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST); work_put(item); work_put(item); }
static void run_and_wait(work_fn *fn)
{
	prepare(fn);
	EXPECT(work_queue(item));
	AWAIT(__atomic_load_n(&runs, __ATOMIC_SEQ_CST) != 0);
	EXPECT_EQ(runs, 1);
}
TEST(worker_outlives_its_items)
{
	for (u32 i = 0; i < 2 * cpu_count(); i++) {
		run_and_wait(leave);
		EXPECT_EQ(work_flush(item), OK);
		EXPECT(!work_queue(item));
		work_put(item);
		/* The worker still looks at the item, whose memory may be another's by then: what TSan rightly says. */
		if (!__has_feature(thread_sanitizer))
			run_and_wait(put_too_often);
	}
	run_and_wait(body);
	EXPECT_EQ(work_flush(item), OK);
	work_put(item);
}
