// SPDX-License-Identifier: MPL-2.0
/**
 * Running a function on other CPUs: each once, all at once, in every interrupt state.
 */
#include <cpu/cpu.h>
#include <mm/test/parallel.h>

static u32 runs[CPU_MAX];       /* [atomic] */
static u32 with_interrupts_on;  /* [atomic] */
static u64 plain[CPU_MAX];      /* written by a called function, read by the caller afterwards, without atomics */

static void
run_here(void *arg)
{
	__atomic_fetch_add(&runs[this_cpu()->id], 1, __ATOMIC_RELAXED);
	if (arch_irq_enabled())
		__atomic_fetch_add(&with_interrupts_on, 1, __ATOMIC_RELAXED);
	if (arg != nullptr)
		plain[this_cpu()->id] = *(u64 *)arg + this_cpu()->id;
}

static void
runs_reset(void)
{
	for (u32 i = 0; i < CPU_MAX; i++)
		runs[i] = 0;
	with_interrupts_on = 0;
}

TEST(a_call_runs_once_on_each_cpu_of_the_set_with_interrupts_off)
{
	runs_reset();
	for (u64 round = 1; round <= 50; round++) {
		u64 value = round * 1000;
		cpu_call(cpu_online_set(), run_here, &value);
		for (u32 i = 0; i < cpu_count(); i++) {
			EXPECT_EQ(runs[i], round);
			EXPECT_EQ(plain[i], value + i);
		}
	}
	EXPECT_EQ(with_interrupts_on, 0);
	EXPECT(arch_irq_enabled());
}

TEST(a_call_runs_on_no_other_cpu_than_the_sets)
{
	runs_reset();
	cpu_call((struct cpu_set){ 0 }, run_here, nullptr);
	for (u32 i = 0; i < cpu_count(); i++)
		cpu_call(cpu_set_with((struct cpu_set){ 0 }, i), run_here, nullptr);
	for (u32 i = 0; i < CPU_MAX; i++)
		EXPECT_EQ(runs[i], i < cpu_count() ? 1 : 0);
}

TEST(a_call_with_interrupts_off_leaves_them_off)
{
	runs_reset();
	u64 flags = arch_irq_save();
	cpu_call(cpu_online_set(), run_here, nullptr);
	bool enabled = arch_irq_enabled();
	arch_irq_restore(flags);
	EXPECT(!enabled);
	for (u32 i = 0; i < cpu_count(); i++)
		EXPECT_EQ(runs[i], 1);
}

enum : u32 { CALLS = 100 };

static void
call_all(struct object *number)
{
	for (u32 i = 0; i < CALLS; i++) {
		/* Half of the tasks call with interrupts off: whoever waits must answer all the same. */
		u64 flags = ((u64)number + i) % 2 == 0 ? arch_irq_save() : 0;
		cpu_call(cpu_online_set(), run_here, nullptr);
		if (((u64)number + i) % 2 == 0)
			arch_irq_restore(flags);
	}
}

TEST(all_cpus_call_all_at_once_and_none_waits_for_ever)
{
	runs_reset();
	u32 n = parallel_run(call_all);
	for (u32 i = 0; i < cpu_count(); i++)
		EXPECT_EQ(runs[i], n * CALLS);
	EXPECT_EQ(with_interrupts_on, 0);
}

TEST(an_interrupt_between_cpus_that_nobody_asked_for_does_nothing)
{
	runs_reset();
	u64 flags = arch_irq_save();
	ipi_dispatch(IPI_CALL);
	ipi_dispatch(IPI_RESCHEDULE);
	arch_irq_restore(flags);
	for (u32 i = 0; i < cpu_count(); i++)
		arch_ipi(i, IPI_CALL);
	cpu_call(cpu_online_set(), run_here, nullptr);
	EXPECT_EQ(runs[0], 1);
}
