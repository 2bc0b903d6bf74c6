// SPDX-License-Identifier: MPL-2.0
/**
 * Interrupt routing, with the real-time clock's periodic interrupt as the device; and what no driver may have.
 */
#include "../apic.h"
#include <cadre/irq.h>
#include <cadre/time.h>
#include <test.h>

enum : u32 { GOOD_VECTOR = ARCH_IRQ_VECTOR_BASE + 1 };

TEST(routes_to_what_does_not_exist_are_refused)
{
	u32 free_gsi = 11;
	EXPECT(arch_gsi_count() > free_gsi);
	EXPECT(!arch_irq_route(arch_gsi_count(), IRQ_DEFAULT, 0, GOOD_VECTOR));
	EXPECT(!arch_irq_route(~(u32)0, IRQ_DEFAULT, 0, GOOD_VECTOR));
	EXPECT(!arch_irq_route(free_gsi, IRQ_DEFAULT, CPU_MAX, GOOD_VECTOR));
	EXPECT(!arch_irq_route(free_gsi, IRQ_DEFAULT, cpu_count(), GOOD_VECTOR));
	EXPECT(!arch_irq_route(free_gsi, IRQ_DEFAULT, 0, ARCH_IRQ_VECTOR_BASE - 1));
	EXPECT(!arch_irq_route(free_gsi, IRQ_DEFAULT, 0, ARCH_IRQ_VECTOR_BASE + ARCH_IRQ_VECTORS));
	EXPECT(!arch_irq_route(free_gsi, IRQ_DEFAULT, 0, VECTOR_TIMER));
	EXPECT(!arch_irq_route(free_gsi, IRQ_DEFAULT, 0, 14));
	arch_irq_mask(~(u32)0);
	arch_irq_unmask(~(u32)0);
}

TEST(the_frameworks_own_inputs_are_reserved)
{
	EXPECT(arch_gsi_reserved(platform_acpi.isa_irqs[0].gsi));
	EXPECT(arch_gsi_reserved(arch_gsi_count()));
	EXPECT(!arch_irq_route(platform_acpi.isa_irqs[0].gsi, IRQ_DEFAULT, 0, GOOD_VECTOR));
}

/* The real-time clock's periodic interrupt, 1024 a second. Ports: the test is framework code, and nobody reads the clock meanwhile. */
static u32 rtc_interrupts;   /* [atomic] */
static u32 rtc_cpus;         /* [atomic] bit per CPU that took one, of the first 32 */

static u8
rtc_get(u8 index)
{
	port_out8(0x70, index);
	return port_in8(0x71);
}

static void
rtc_set(u8 index, u8 value)
{
	port_out8(0x70, index);
	port_out8(0x71, value);
}

static bool
rtc_handler(struct object *arg)
{
	(void)arg;
	__atomic_fetch_add(&rtc_interrupts, 1, __ATOMIC_RELAXED);
	__atomic_fetch_or(&rtc_cpus, 1u << (this_cpu()->id & 31), __ATOMIC_RELAXED);
	return (rtc_get(0x0c) & 0x40) != 0;   /* reading it lets the next one come */
}

static u32
interrupts_within(u64 ns)
{
	u64 end = arch_clock_ns() + ns;
	u32 before = __atomic_load_n(&rtc_interrupts, __ATOMIC_RELAXED);
	while (arch_clock_ns() < end && __atomic_load_n(&rtc_interrupts, __ATOMIC_RELAXED) - before < 5)
		arch_pause();
	return __atomic_load_n(&rtc_interrupts, __ATOMIC_RELAXED) - before;
}

TEST(a_devices_interrupts_come_to_the_chosen_cpu_until_masked)
{
	if (arch_realtime_ns() == 0)
		return test_skip("no real-time clock");
	struct irq_line *line = nullptr;
	for (u32 cpu = 0; cpu < MIN(cpu_count(), 4u); cpu++) {
		rtc_cpus = 0;
		EXPECT_EQ(irq_line_acquire(platform_acpi.isa_irqs[8].gsi, IRQ_DEFAULT, rtc_handler, nullptr, cpu, &line), OK);
		u64 flags = arch_irq_save();
		rtc_get(0x0c);
		rtc_set(0x0b, rtc_get(0x0b) | 0x40);
		arch_irq_restore(flags);
		EXPECT(interrupts_within(10 * NS_PER_SEC) >= 5);
		EXPECT_EQ(rtc_cpus, 1u << cpu);
		irq_line_mask(line);
		EXPECT(interrupts_within(20 * NS_PER_MS) <= 1);   /* one can be on its way, however long that takes its CPU */
		flags = arch_irq_save();
		rtc_set(0x0b, rtc_get(0x0b) & ~0x40);
		rtc_get(0x0c);
		arch_irq_restore(flags);
		EXPECT(irq_line_count(line) >= 5);
		irq_line_release(line);
	}
}

static bool
memory_is_sensitive(u64 at)
{
	u64 start, end;
	for (u32 i = 0; arch_sensitive_memory(i, &start, &end); i++)
		if (at >= start && at < end)
			return true;
	return false;
}

static bool
port_is_sensitive(u32 port)
{
	u32 start, end;
	for (u32 i = 0; arch_sensitive_ports(i, &start, &end); i++)
		if (port >= start && port < end)
			return true;
	return false;
}

TEST(the_lists_of_sensitive_ranges_end_and_are_well_formed)
{
	u32 n = 0, from, to;
	u64 start, end;
	for (; n < 1000 && arch_sensitive_memory(n, &start, &end); n++)
		EXPECT(start <= end);
	EXPECT(n < 1000);
	for (n = 0; n < 1000 && arch_sensitive_ports(n, &from, &to); n++)
		EXPECT(from <= to && to <= 0x10000);
	EXPECT(n < 1000);
}

TEST(what_could_break_the_framework_is_sensitive)
{
	static const u64 memory[] = { 0, 0x8000, 0x9ffff, 0xfec00000, 0xfed00000, 0xfee00000, 0xfee00300, 0xfeefffff, 0xffffffff };
	static const u32 ports[] = { 0x00, 0x20, 0x21, 0x40, 0x43, 0x61, 0x64, 0x70, 0x71, 0x92, 0xa1, 0xb2, 0xcf8, 0xcf9, 0xcfc, 0xcff,
		0x4d0, X86_DEBUG_EXIT, 0x510, 0x514, 0x51b };
	for (u32 i = 0; i < COUNTOF(memory); i++)
		EXPECT(memory_is_sensitive(memory[i]));
	for (u32 i = 0; i < COUNTOF(ports); i++)
		EXPECT(port_is_sensitive(ports[i]));
	for (u32 i = 0; i < platform_acpi.nsegments; i++)
		EXPECT(memory_is_sensitive(platform_acpi.segments[i].end - 1));
	for (u32 i = 0; i < platform_acpi.npm_ports; i++)
		EXPECT(port_is_sensitive(platform_acpi.pm_ports[i].start));
	if (platform_acpi.reset.width != 0)
		EXPECT(platform_acpi.reset.in_ports ? port_is_sensitive((u32)platform_acpi.reset.address) : memory_is_sensitive(platform_acpi.reset.address));
	EXPECT(!memory_is_sensitive(0xfeb00000));   /* microvm's devices */
	EXPECT(!port_is_sensitive(0x2f8));
	EXPECT(!port_is_sensitive(0xc000));
}
