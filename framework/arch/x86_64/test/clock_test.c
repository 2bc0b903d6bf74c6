// SPDX-License-Identifier: MPL-2.0
/**
 * The x86 clock and timer: scaling, arming, agreement with the real-time clock; dates.
 */
#include "../apic.h"
#include <cadre/time.h>
#include <test.h>

TEST(scaling_is_exact_at_the_edges_and_saturates)
{
	EXPECT_EQ(clock_scale(0, ~(u64)0), 0);
	EXPECT_EQ(clock_scale(123456789, (u64)1 << 32), 123456789);
	EXPECT_EQ(clock_scale(~(u64)0, (u64)1 << 32), ~(u64)0);
	EXPECT_EQ(clock_scale(~(u64)0, (u64)1 << 31), ~(u64)0 >> 1);
	EXPECT_EQ(clock_scale(~(u64)0, ((u64)1 << 32) + 1), ~(u64)0);
	EXPECT_EQ(clock_scale(~(u64)0, ~(u64)0), ~(u64)0);
	EXPECT_EQ(clock_scale(3, (u64)1 << 31), 1);
}

/** Runs the body with interrupts off and puts this CPU's deadline back at its end. */
#define WITH_TIMER(...)                                                                                                \
	do {                                                                                                           \
		u64 flags_ = arch_irq_save(), deadline_ = this_cpu()->arch.timer_deadline;                             \
		__VA_ARGS__;                                                                                           \
		arch_timer_arm(deadline_);                                                                             \
		arch_irq_restore(flags_);                                                                              \
	} while (0)

TEST(a_timer_interrupt_before_the_deadline_arms_again)
{
	bool kept = false, running = false;
	WITH_TIMER({
		u64 far = arch_clock_ns() + 1000 * NS_PER_SEC;   /* beyond what 32 bits count */
		arch_timer_arm(far);
		clock_interrupt();
		kept = this_cpu()->arch.timer_deadline == far;
		running = x86_features.tsc_deadline || apic_timer_left() != 0;
	});
	EXPECT(kept);
	EXPECT(running);
}

TEST(a_timer_that_is_off_does_not_count_and_its_late_interrupt_does_nothing)
{
	u32 left = 1;
	u64 deadline = 0;
	WITH_TIMER({
		arch_timer_arm(arch_clock_ns() + NS_PER_SEC);
		arch_timer_arm(TIME_NEVER);
		left = x86_features.tsc_deadline ? 0 : apic_timer_left();
		clock_interrupt();
		deadline = this_cpu()->arch.timer_deadline;
	});
	EXPECT_EQ(left, 0);
	EXPECT_EQ(deadline, TIME_NEVER);
}

TEST(a_deadline_in_the_past_fires_at_once)
{
	bool fired = false;
	u64 flags = arch_irq_save();
	u64 patience = arch_clock_ns() + 10 * NS_PER_SEC;
	arch_timer_arm(0);
	arch_irq_restore(flags);
	/* The generic timer code re-arms or turns off: whichever, deadline 0 does not stay. */
	while (!fired && arch_clock_ns() < patience) {
		flags = arch_irq_save();
		fired = this_cpu()->arch.timer_deadline != 0;
		arch_irq_restore(flags);
	}
	EXPECT(fired);
}

/** When the real-time clock next shows another second: between *after and *before, however long the host stopped us. */
static void
second_changes(u64 *after, u64 *before)
{
	u64 start = arch_realtime_ns(), now = arch_clock_ns();
	do {
		*after = now;   /* before a reading that was the old second */
		now = arch_clock_ns();
	} while (arch_realtime_ns() == start);
	*before = arch_clock_ns();
}

TEST(a_second_of_the_clock_is_a_second_of_the_real_time_clock)
{
	if (arch_realtime_ns() == 0)
		return test_skip("no real-time clock");
	u64 after[2], before[2];
	bool same = false;
	/* An emulator that is stopped shows a change late, and that second is short; a clock that runs wrong is so in every second. */
	second_changes(&after[0], &before[0]);
	for (u32 i = 0; i < 8 && !same; i++, after[0] = after[1], before[0] = before[1]) {
		second_changes(&after[1], &before[1]);
		same = after[1] - MIN(before[0], after[1]) < 1050 * NS_PER_MS && before[1] - after[0] > 950 * NS_PER_MS;
	}
	EXPECT(same);
}

TEST(dates_become_seconds)
{
	EXPECT_EQ(rtc_date_seconds(1970, 1, 1, 0, 0, 1), 1);
	EXPECT_EQ(rtc_date_seconds(2000, 2, 29, 12, 0, 0), 951825600);
	EXPECT_EQ(rtc_date_seconds(2000, 3, 1, 0, 0, 0), 951868800);
	EXPECT_EQ(rtc_date_seconds(2026, 11, 21, 4, 0, 0), 1795233600);
	EXPECT_EQ(rtc_date_seconds(2100, 3, 1, 0, 0, 0), 4107542400);
	EXPECT_EQ(rtc_date_seconds(2038, 1, 19, 3, 14, 8), 2147483648);
}

TEST(what_is_no_date_is_no_time)
{
	EXPECT_EQ(rtc_date_seconds(1969, 12, 31, 23, 59, 59), 0);
	EXPECT_EQ(rtc_date_seconds(2023, 2, 29, 0, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2100, 2, 29, 0, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 0, 1, 0, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 13, 1, 0, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 4, 31, 0, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 4, 0, 0, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 4, 1, 24, 0, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 4, 1, 0, 60, 0), 0);
	EXPECT_EQ(rtc_date_seconds(2024, 4, 1, 0, 0, 165), 0);
	EXPECT_EQ(rtc_date_seconds(~(u32)0, ~(u32)0, ~(u32)0, ~(u32)0, ~(u32)0, ~(u32)0), 0);
}
