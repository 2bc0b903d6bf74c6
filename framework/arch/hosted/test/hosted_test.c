// SPDX-License-Identifier: MPL-2.0
// The hosted architecture: simulated interrupts, timers on every CPU, faults that become traps, the fibres' registers.
#include <hosted.h>
#include <cadre/cpu.h>
#include <cadre/irq.h>
#include <cadre/time.h>
#include <cpu/cpu.h>
#include <test.h>

static u32 raised;   /* [atomic] */

static bool
count_irq(struct object *unused)
{
	(void)unused;
	__atomic_fetch_add(&raised, 1, __ATOMIC_SEQ_CST);
	return true;
}

static bool
raised_reaches(u32 n)
{
	u64 patience = clock_now() + 30 * NS_PER_SEC;
	while (__atomic_load_n(&raised, __ATOMIC_SEQ_CST) < n && clock_now() < patience)
		arch_pause();
	return __atomic_load_n(&raised, __ATOMIC_SEQ_CST) == n;
}

TEST(a_raised_input_reaches_its_handler_on_each_cpu)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		struct irq_line *line = nullptr;
		__atomic_store_n(&raised, 0, __ATOMIC_SEQ_CST);
		EXPECT_EQ(irq_line_acquire(7, IRQ_EDGE_HIGH, count_irq, nullptr, cpu, &line), OK);
		if (line == nullptr)
			return;
		hosted_raise_irq(7);
		EXPECT(raised_reaches(1));
		EXPECT_EQ(irq_line_count(line), 1);
		irq_line_release(line);
	}
}

TEST(an_edge_while_masked_is_taken_when_unmasked_and_once)
{
	struct irq_line *line = nullptr;
	__atomic_store_n(&raised, 0, __ATOMIC_SEQ_CST);
	EXPECT_EQ(irq_line_acquire(8, IRQ_EDGE_HIGH, count_irq, nullptr, 0, &line), OK);
	if (line == nullptr)
		return;
	irq_line_mask(line);
	hosted_raise_irq(8);
	hosted_raise_irq(8);
	EXPECT_EQ(__atomic_load_n(&raised, __ATOMIC_SEQ_CST), 0);
	irq_line_unmask(line);
	EXPECT(raised_reaches(1));
	irq_line_release(line);
	hosted_raise_irq(8);
	EXPECT_EQ(__atomic_load_n(&raised, __ATOMIC_SEQ_CST), 1);
}

TEST(what_is_no_input_is_refused)
{
	EXPECT(!arch_irq_route(HOSTED_GSIS, 0, 0, ARCH_IRQ_VECTOR_BASE));
	EXPECT(!arch_irq_route(7, 0, CPU_MAX, ARCH_IRQ_VECTOR_BASE));
	EXPECT(!arch_irq_route(7, 0, 0, ARCH_IRQ_VECTOR_BASE + ARCH_IRQ_VECTORS));
	hosted_raise_irq(~0u);
	arch_irq_mask(~0u);
	arch_irq_unmask(~0u);
}

TEST(a_fault_at_null_and_in_an_unused_heap_window_traps)
{
	volatile u32 *volatile null = nullptr;
	/* SAFETY: meant to fault: nothing is ever mapped at the end of the last heap window. */
	volatile u32 *volatile wild = (volatile u32 *)(HEAP_BASE + ((u64)HEAP_WINDOWS << HEAP_WINDOW_SHIFT) - 64);
	EXPECT_TRAP(*null = 1);
	EXPECT_TRAP((void)*wild);
}

TEST(the_clock_goes_on_and_not_back)
{
	u64 last = arch_clock_ns(), begin = last;
	while (last < begin + NS_PER_MS) {
		u64 now = arch_clock_ns();
		EXPECT(now >= last);
		last = now;
	}
}
