// SPDX-License-Identifier: MPL-2.0
/**
 * Numbers and sets of CPUs, per-CPU data, asking for the scheduler.
 */
#include <cpu/cpu.h>
#include <mm/test/parallel.h>

struct counter { u64 value; u32 cpu_plus_1; };
CPU_LOCAL_DEFINE(counter, counters);

static void
count_here(void *arg)
{
	(void)arg;
	CPU_LOCAL_SCOPE(mine, counters);
	mine->value++;
	mine->cpu_plus_1 = cpu_current() + 1;
}

TEST(cpus_are_numbered_without_holes)
{
	u32 n = cpu_count();
	EXPECT(n >= 1 && n <= CPU_MAX);
	EXPECT_EQ(cpu_online_set().bits, n == 64 ? ~(u64)0 : ((u64)1 << n) - 1);
	for (u32 i = 0; i < n; i++)
		EXPECT(cpu_table[i] != nullptr && cpu_table[i]->self == cpu_table[i] && cpu_table[i]->id == i && cpu_table[i]->online == 1);
}

TEST(a_set_has_no_cpu_beyond_the_maximum)
{
	struct cpu_set set = cpu_set_with(cpu_set_with((struct cpu_set){ 0 }, 63), 64);
	EXPECT_EQ(set.bits, (u64)1 << 63);
	EXPECT(cpu_set_has(set, 63) && !cpu_set_has(set, 62) && !cpu_set_has(set, 64) && !cpu_set_has(set, ~(u32)0));
}

TEST(the_current_cpu_can_be_asked_only_where_it_stays)
{
	EXPECT_TRAP(cpu_current());
	preempt_disable();
	EXPECT(cpu_current() < cpu_count());
	preempt_enable();
	u64 flags = arch_irq_save();
	u32 here = cpu_current();
	arch_irq_restore(flags);
	EXPECT(here < cpu_count());
}

TEST(each_cpu_has_its_own_zeroed_copy_of_per_cpu_data)
{
	for (u32 i = 0; i < cpu_count(); i++)
		*CPU_LOCAL_OF(counters, i) = (struct counter){ };
	cpu_call(cpu_online_set(), count_here, nullptr);
	for (u32 i = 0; i < cpu_count(); i++) {
		EXPECT_EQ(CPU_LOCAL_OF(counters, i)->value, 1);
		EXPECT_EQ(CPU_LOCAL_OF(counters, i)->cpu_plus_1, i + 1);
		EXPECT_EQ((u64)CPU_LOCAL_OF(counters, i) % 64, 0);
		for (u32 k = 0; k < i; k++)
			EXPECT(CPU_LOCAL_OF(counters, i) != CPU_LOCAL_OF(counters, k));
	}
}

TEST(per_cpu_data_of_a_cpu_that_does_not_run_traps)
{
	EXPECT_TRAP((void)CPU_LOCAL_OF(counters, cpu_count()));
	EXPECT_TRAP((void)CPU_LOCAL_OF(counters, CPU_MAX));
	EXPECT_TRAP((void)CPU_LOCAL_OF(counters, ~(u32)0));
}

TEST(an_address_outside_the_per_cpu_section_traps)
{
	u64 elsewhere = 0;
	extern u8 __start_cpu_local[], __stop_cpu_local[];
	EXPECT_TRAP(cpu_local_of_(&elsewhere, 0));
	EXPECT_TRAP(cpu_local_of_(__start_cpu_local - 1, 0));
	EXPECT_TRAP(cpu_local_of_(__stop_cpu_local, 0));
	EXPECT_TRAP(cpu_local_here_(nullptr));
}

TEST(the_scheduler_is_asked_on_any_cpu_and_on_none_that_is_not)
{
	cpu_reschedule(cpu_count());
	cpu_reschedule(CPU_MAX);
	cpu_reschedule(~(u32)0);
	for (u32 round = 0; round < 20; round++)
		for (u32 i = 0; i < cpu_count(); i++)
			cpu_reschedule(i);
	/* Each has heard: none keeps the mark. */
	u64 patience = clock_now() + 30 * NS_PER_SEC;
	for (u32 i = 0; i < cpu_count(); i++)
		while (__atomic_load_n(&cpu_table[i]->resched, __ATOMIC_SEQ_CST) != 0 && clock_now() < patience)
			arch_pause();
	EXPECT(clock_now() < patience);
}

TEST(what_the_processor_says_of_itself_and_draws)
{
	EXPECT(cpu_leaf(0, 0).eax >= 1);
	EXPECT_EQ(cpu_leaf(0x3fffffff, 0).eax, cpu_leaf(0x3fffffff, 0).eax);   /* no such leaf: no trap */
	u64 words[16] = {};
	u32 drawn = 0, equal = 0;
	for (u32 i = 0; i < COUNTOF(words); i++)
		drawn += cpu_random(&words[i]);
	for (u32 i = 1; i < COUNTOF(words); i++)
		equal += words[i] == words[i - 1];
	EXPECT(drawn == 0 || equal < drawn);
}
