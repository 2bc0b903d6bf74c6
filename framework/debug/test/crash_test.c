// SPDX-License-Identifier: MPL-2.0
/*
 * What must stop the machine, with a report and status 0x7f. Each runs only where the command line names it
 * (crash=NAME), since it ends the
 * test run: whoever starts it expects that (./cadre test does).
 */
#include <arch/string.h>
#include <cadre/boot.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <cpu/cpu.h>
#include <debug/debug_impl.h>
#include <sync/raw_lock.h>
#include <test.h>

static struct raw_lock lock;
static volatile u64 nowhere = 0x10;

/** Taken and never released: the machine stops first. */
static void
lock_for_good(void) NO_THREAD_SAFETY("never released")
{
	(void)raw_acquire(&lock);
}

static bool
wanted(struct cbytes name)
{
	u8 value[32];
	size_t len = 0;

	if (boot_option(TEXT("crash"), (struct bytes){ value, sizeof(value) }, &len) &&
	    cbytes_equal((struct cbytes){ value, MIN(len, sizeof(value)) }, name))
		return true;
	test_skip("only where crash= names it");
	return false;
}

TEST(crash_assert_a_failed_assertion_of_the_framework_stops_the_machine)
{
	if (wanted(TEXT("assert")))
		fw_assert(nowhere == 0);
}

TEST(crash_lock_a_trap_with_a_raw_lock_held_stops_the_machine)
{
	if (!wanted(TEXT("lock")))
		return;
	lock_for_good();
	EXPECT_EQ(*(volatile u32 *)nowhere, 0);
}

TEST(crash_misuse_a_misuse_with_a_raw_lock_held_stops_the_machine)
{
	if (!wanted(TEXT("misuse")))
		return;
	lock_for_good();
	misuse("with a raw lock held");
}

TEST(crash_wild_a_fault_at_an_address_no_service_can_have_stops_the_machine)
{
	if (wanted(TEXT("wild")))
		EXPECT_EQ(*(volatile u32 *)(IO_END - nowhere), 0);
}

TEST(crash_log_a_panic_inside_the_log_does_not_hang)
{
	u64 flags;

	if (!wanted(TEXT("log")))
		return;
	(void)log_enter(&flags);
	panic("inside the log, {} {x}", TEXT("arguments"), 255);
}

static void
panic_together(void *unused)
{
	(void)unused;
	panic("on all CPUs at once");
}

TEST(crash_all_cpus_that_panic_at_once_make_one_report)
{
	if (wanted(TEXT("all")))
		cpu_call(cpu_online_set(), panic_together, nullptr);
}

TEST(crash_irq_a_trap_in_an_interrupt_handler_of_the_framework_stops_the_machine)
{
	u64 flags;

	if (!wanted(TEXT("irq")))
		return;
	flags = arch_irq_save();
	this_cpu()->irq_depth++;
	EXPECT_EQ(*(volatile u32 *)nowhere, 0);
	arch_irq_restore(flags);
}
