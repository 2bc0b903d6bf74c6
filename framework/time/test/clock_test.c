// SPDX-License-Identifier: MPL-2.0
/**
 * The clock: never back, on any CPU; and the time of day it began at.
 */
#include <mm/test/parallel.h>

static u64 highest;    /* [atomic] the latest reading that anyone has published */
static u32 steps_back; /* [atomic] */

static void
read_much(struct object *unused)
{
	(void)unused;
	u64 own = 0;
	for (u32 i = 0; i < 20000; i++) {
		u64 published = __atomic_load_n(&highest, __ATOMIC_ACQUIRE), now = clock_now();
		if (now < own || now < published)
			__atomic_fetch_add(&steps_back, 1, __ATOMIC_RELAXED);
		own = now;
		while (published < now && !__atomic_compare_exchange_n(&highest, &published, now, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			;
	}
}

TEST(the_clock_never_goes_back_between_cpus)
{
	highest = 0;
	steps_back = 0;
	parallel_run(read_much);
	EXPECT_EQ(steps_back, 0);
}

TEST(the_clock_goes_on)
{
	u64 start = clock_now(), patience = 0;
	while (clock_now() < start + NS_PER_MS && patience < 1000000000)
		patience++;
	EXPECT(clock_now() >= start + NS_PER_MS);
}

TEST(the_time_of_day_at_the_start_is_one_value)
{
	u64 real = clock_boot_realtime();
	EXPECT_EQ(clock_boot_realtime(), real);
	/* Between 2020 and 2100, or not known. */
	EXPECT(real == 0 || (real > 1577836800 * NS_PER_SEC && real < 4102444800 * NS_PER_SEC));
}

TEST(a_program_that_reads_the_counter_itself_has_the_same_time)
{
	struct clock_counter counter = {};
	if (!clock_user_counter(&counter)) {
		test_skip("the counters of the processors differ here");
		return;
	}
	u64 before = clock_now();
	u64 ticks = __builtin_ia32_rdtsc() - counter.base;
	u64 own = (u64)((unsigned __int128)ticks * counter.ns_per_tick >> 32), after = clock_now();
	EXPECT(own + NS_PER_US >= before && own <= after + NS_PER_US);
}
