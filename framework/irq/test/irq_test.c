// SPDX-License-Identifier: MPL-2.0
// Interrupt lines: one owner, contained handlers, nothing after release. Interrupts are played by calling irq_dispatch, as the architecture does.
#include <irq/interrupt.h>
#include <task/test/child.h>

static u32 handled, stop;   /* [atomic] */
static struct irq_line *line;

static bool
handler(struct object *arg)
{
	(void)arg;
	EXPECT(irq_context());
	__atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
	return true;
}

static bool trapping(struct object *arg) { (void)handler(arg); misuse("on purpose"); }

/** The last input that can be had. */
static u32
free_gsi(void)
{
	u32 gsi = arch_gsi_count() - 1;
	while (gsi != 0 && arch_gsi_reserved(gsi))
		gsi--;
	return gsi;
}

static void
play(u32 vector)
{
	u64 flags = arch_irq_save();
	interrupt_enter();
	irq_dispatch(vector);
	interrupt_exit(true);
	arch_irq_restore(flags);
}

/** Acquires for this CPU, where the test stays until released, and finds out the vector. */
static u32
acquire(irq_fn *fn)
{
	u32 vector = ARCH_IRQ_VECTOR_BASE;
	__atomic_store_n(&handled, 0, __ATOMIC_SEQ_CST);
	preempt_disable();
	u32 cpu = cpu_current();
	EXPECT_EQ(irq_line_acquire(free_gsi(), IRQ_DEFAULT, fn, nullptr, cpu, &line), OK);
	while (irq_line_count(line) == 0 && vector < ARCH_IRQ_VECTOR_BASE + ARCH_IRQ_VECTORS)
		play(vector++);
	EXPECT_EQ(irq_line_count(line), 1);
	EXPECT_EQ(handled, 1);
	return vector - 1;
}

TEST(line_has_one_owner)
{
	struct irq_line *other = nullptr;
	EXPECT_EQ(irq_line_acquire(arch_gsi_count(), IRQ_DEFAULT, handler, nullptr, 0, &other), EINVAL);
	EXPECT_EQ(irq_line_acquire(free_gsi(), IRQ_DEFAULT, handler, nullptr, CPU_MAX, &other), EINVAL);
	EXPECT_TRAP((void)irq_line_acquire(free_gsi(), IRQ_DEFAULT, nullptr, nullptr, 0, &other));
	for (u32 gsi = 0; gsi < arch_gsi_count(); gsi++)
		if (arch_gsi_reserved(gsi))
			EXPECT_EQ(irq_line_acquire(gsi, IRQ_DEFAULT, handler, nullptr, 0, &other), EBUSY);
	EXPECT_EQ(irq_line_acquire(free_gsi(), IRQ_DEFAULT, handler, nullptr, 0, &line), OK);
	EXPECT_EQ(irq_line_acquire(free_gsi(), IRQ_DEFAULT, handler, nullptr, 0, &other), EBUSY);
	irq_line_release(line);
	EXPECT_TRAP(irq_line_release(line));
	EXPECT_TRAP(irq_line_mask(line));
	EXPECT_EQ(irq_line_acquire(free_gsi(), IRQ_DEFAULT, handler, nullptr, 0, &other), OK);
	irq_line_release(other);
}

TEST(interrupt_reaches_the_handler_until_the_release)
{
	u32 vector = acquire(handler);
	play(vector);
	EXPECT_EQ(handled, 2);
	EXPECT_EQ(irq_line_count(line), 2);
	irq_line_mask(line);
	irq_line_unmask(line);
	irq_line_release(line);
	u64 spurious = irq_spurious_count();
	play(vector);
	play(ARCH_IRQ_VECTOR_BASE + ARCH_IRQ_VECTORS);
	EXPECT_EQ(handled, 2);
	EXPECT_EQ(irq_spurious_count(), spurious + 2);
	preempt_enable();
}

TEST(handler_that_traps_is_not_called_again)
{
	u32 vector = acquire(trapping);
	play(vector);
	irq_line_unmask(line);
	play(vector);
	EXPECT_EQ(handled, 1);
	EXPECT_EQ(irq_line_count(line), 3);
	irq_line_release(line);
	preempt_enable();
}

static bool releases(struct object *arg) { (void)handler(arg); irq_line_release(line); return true; }
TEST(release_in_the_handler_traps)
{
	(void)acquire(releases);
	irq_line_release(line);
	preempt_enable();
}

static bool leaves_preemption_off(struct object *arg) { (void)handler(arg); preempt_disable(); return true; }
TEST(handler_that_leaves_preemption_off_traps)
{
	u32 off = this_cpu()->preempt_off;
	(void)acquire(leaves_preemption_off);
	EXPECT_EQ(this_cpu()->preempt_off, off + 1);
	irq_line_release(line);
	preempt_enable();
}

static struct wait_queue queue;
static bool wakes(struct object *arg) { (void)handler(arg); wake_all(&queue); return true; }
static void
waiter(struct object *arg)
{
	(void)arg;
	EXPECT_EQ(WAIT_UNTIL(&queue, __atomic_load_n(&handled, __ATOMIC_SEQ_CST) >= 2, WAIT_PLAIN, clock_now() + 40 * NS_PER_SEC), OK);
}
TEST(handler_wakes_a_task)
{
	u32 vector = acquire(wakes);
	struct task *task = start(waiter, nullptr);
	preempt_enable();
	nap(2 * NS_PER_MS);
	preempt_disable();
	/* Perhaps on another CPU by now: then it is spurious there, and found on the right one. */
	irq_line_release(line);
	vector = acquire(wakes);
	play(vector);
	irq_line_release(line);
	preempt_enable();
	preempt_enable();
	finish(task, TASK_RETURNED);
}

/* Lines come and go while interrupts arrive for them. */
static void
comes_and_goes(struct object *arg)
{
	(void)arg;
	for (u32 i = 0; i < 100; i++) {
		struct irq_line *mine = nullptr;
		if (irq_line_acquire(free_gsi(), IRQ_DEFAULT, handler, nullptr, 0, &mine) == OK)
			irq_line_release(mine);
	}
	__atomic_fetch_add(&stop, 1, __ATOMIC_SEQ_CST);
}
TEST(release_races_with_interrupts)
{
	struct task *tasks[3];
	stop = 0;
	for (u32 i = 0; i < 3; i++)
		tasks[i] = start(comes_and_goes, nullptr);
	while (__atomic_load_n(&stop, __ATOMIC_SEQ_CST) != 3) {
		play(ARCH_IRQ_VECTOR_BASE);
		task_yield();
	}
	for (u32 i = 0; i < 3; i++)
		finish(tasks[i], TASK_RETURNED);
}
