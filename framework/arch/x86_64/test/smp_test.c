// SPDX-License-Identifier: MPL-2.0
/**
 * The CPUs that were started: all that the tables name, each with its own id, stacks and timer.
 */
#include "../apic.h"
#include <test.h>

static u32 ids[CPU_MAX];
static u64 bases[CPU_MAX], frames[CPU_MAX];

static void
look(void *arg)
{
	(void)arg;
	u32 cpu = this_cpu()->id;
	ids[cpu] = apic_id();
	bases[cpu] = msr_read(MSR_APIC_BASE);
	frames[cpu] = (u64)__builtin_frame_address(0);
}

TEST(every_cpu_of_the_tables_was_started)
{
	EXPECT_EQ(cpu_count(), boot_info.ncpus);
}

TEST(every_cpu_knows_its_own_apic_id_and_no_two_share_one)
{
	cpu_call(cpu_online_set(), look, nullptr);
	for (u32 i = 0; i < cpu_count(); i++) {
		EXPECT_EQ(ids[i], cpu_table[i]->arch.apic_id);
		EXPECT((bases[i] & 1 << 11) != 0);   /* its APIC is on */
		for (u32 k = 0; k < i; k++)
			EXPECT(ids[i] != ids[k] && frames[i] != frames[k]);
	}
	EXPECT((bases[0] & 1 << 8) != 0);            /* number 0 is the boot processor */
}

TEST(every_started_cpu_is_one_that_the_tables_name)
{
	for (u32 i = 0; i < cpu_count(); i++) {
		bool named = platform_acpi.ncpus == 0;
		for (u32 k = 0; k < platform_acpi.ncpus; k++)
			named |= platform_acpi.cpus[k] == cpu_table[i]->arch.apic_id;
		EXPECT(named);
	}
}
