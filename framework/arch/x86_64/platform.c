// SPDX-License-Identifier: MPL-2.0
/**
 * The platform's start: finds and reads the firmware's tables, sets up what they describe; what of the machine no driver may touch; power.
 */
#include "apic.h"
#include <arch/string.h>
#include <debug/debug.h>

struct acpi_info platform_acpi;

/* --- reading the tables --- */

/** Tables are in RAM: not where devices are, whose registers change when they are read. */
static const u8 *
table_map(const struct acpi_reader *reader, u64 pa, u64 len)
{
	(void)reader;
	bool devices = (pa < 0xc0000 && pa + len > 0xa0000) || (pa < 0x100000000 && pa + len > 0xfec00000);
	return devices || range_exceeds(pa, len, arch_physical_limit()) ? nullptr : x86_map_early(pa, len, 0);
}

static void
tables_read(u64 rsdp)
{
	const struct acpi_reader reader = { table_map };
	if (!acpi_parse(&reader, rsdp, &platform_acpi) && !acpi_parse(&reader, acpi_rsdp_search(&reader), &platform_acpi))
		log_warn("acpi: no tables; one CPU, and power off only by the debug port");
	if (platform_acpi.has_madt)
		return;
	/* What a PC without tables has: the one IO-APIC at its usual address, the timer on its input 2. */
	platform_acpi.nioapics = 1;
	platform_acpi.ioapics[0] = (struct acpi_ioapic){ 0xfec00000, 0 };
	platform_acpi.isa_irqs[0].gsi = 2;
}

/* --- registers that the tables name --- */

static struct { const struct acpi_register *reg; u8 *at; } mapped[] = {   /* [const] after x86_platform_init */
	{ &platform_acpi.pm_timer, nullptr }, { &platform_acpi.pm1a_control, nullptr }, { &platform_acpi.pm1b_control, nullptr },
	{ &platform_acpi.sleep_control, nullptr }, { &platform_acpi.reset, nullptr },
};

/** Whether the boot information has RAM there: mm is not up yet. */
bool
platform_has_ram(u64 start, u64 len)
{
	bool has = false;
	for (u32 i = 0; i < BOOT_RANGES_MAX; i++) {
		const struct boot_range *ram = &boot_info.ram[i], *reserved = &boot_info.reserved[i];
		has |= i < boot_info.nram && start < ram->end && ram->start < start + len;
		has |= i < boot_info.nreserved && start < reserved->end && reserved->start < start + len;
	}
	return has;
}

static void
registers_map(void)
{
	for (u32 i = 0; i < COUNTOF(mapped); i++)
		if (mapped[i].reg->width != 0 && !mapped[i].reg->in_ports && !platform_has_ram(mapped[i].reg->address, mapped[i].reg->width))
			mapped[i].at = x86_map_early(mapped[i].reg->address, mapped[i].reg->width, KMAP_WRITE | KMAP_UNCACHED);
}

static u8 *
register_at(const struct acpi_register *reg)
{
	for (u32 i = 0; i < COUNTOF(mapped); i++)
		if (mapped[i].reg == reg)
			return mapped[i].at;
	return nullptr;
}

/* SAFETY (both): the port or the mapping is that of a register which the firmware's tables name for just this use, `width` bytes wide (acpi.c:
 * register_read), outside RAM (registers_map). A lie in the tables is a lie of the machine's owner about his own machine. */
u32
platform_register_read(const struct acpi_register *reg)
{
	if (reg->width != 0 && reg->in_ports)
		return arch_port_read((u16)reg->address, reg->width);
	volatile u8 *at = register_at(reg);
	if (at == nullptr)
		return 0;
	return reg->width == 4 ? mmio_read32(at) : reg->width == 2 ? *(volatile u16 *)at : *at;
}

void
platform_register_write(const struct acpi_register *reg, u32 value)
{
	if (reg->width != 0 && reg->in_ports) {
		arch_port_write((u16)reg->address, reg->width, value);
		return;
	}
	volatile u8 *at = register_at(reg);
	if (at == nullptr)
		return;
	if (reg->width == 4)
		mmio_write32(at, value);
	else if (reg->width == 2)
		*(volatile u16 *)at = (u16)value;
	else
		*at = (u8)value;
}

/* --- start --- */

void
x86_platform_init(u64 rsdp)
{
	tables_read(rsdp);
	registers_map();
	if (!apic_probe())
		panic("no local APIC");
	apic_init_cpu();
	cpu_table[0]->arch.apic_id = apic_id();
	ioapic_init();
	clock_init();
	boot_info.ncpus = MAX(platform_acpi.ncpus, 1u);
	if (platform_acpi.ncpus_left_out != 0)
		log_warn("{} CPUs more than the {} that this kernel can use; left out", platform_acpi.ncpus_left_out, (u32)CPU_MAX);
}

/* --- what no driver may have --- */

/** The page that `pa` lies in. */
static struct boot_range
page_range(u64 pa)
{
	return (struct boot_range){ align_down(pa, PAGE_SIZE), align_down(pa, PAGE_SIZE) + PAGE_SIZE };
}

bool
arch_sensitive_memory(u32 index, u64 *start, u64 *end)
{
	static const struct boot_range fixed[] = {
		{ 0, 0xa0000 },                  /* RAM for trampoline and firmware */
		{ 0xc0000, 0x100000 },           /* firmware, in RAM */
		/* Interrupt controllers, HPET, chipset configuration, remapping units, message window (a write there is an interrupt), flash. */
		{ 0xfec00000, 0x100000000 },
	};
	struct boot_range found = { };   /* none where the tables have none at this index */
	/* Beyond the fixed ones: the same by the tables, where they have put it elsewhere. */
	if (index < COUNTOF(fixed))
		found = fixed[index];
	else if ((index -= COUNTOF(fixed)) < platform_acpi.nioapics)
		found = page_range(platform_acpi.ioapics[index].pa);
	else if ((index -= platform_acpi.nioapics) < platform_acpi.nsegments)
		found = (struct boot_range){ platform_acpi.segments[index].start, platform_acpi.segments[index].end };
	else if ((index -= platform_acpi.nsegments) < COUNTOF(mapped))
		found = mapped[index].reg->width != 0 && !mapped[index].reg->in_ports ? page_range(mapped[index].reg->address) : found;
	else if ((index -= COUNTOF(mapped)) < 2)
		found = page_range(index == 0 ? platform_acpi.hpet_pa : apic_base());
	else
		return false;
	*start = found.start;
	*end = found.end;
	return true;
}

bool
arch_sensitive_ports(u32 index, u32 *start, u32 *end)
{
	static const struct acpi_ports fixed[] = {
		{ 0x00, 0x20 },      /* DMA controller: it writes to memory */
		{ 0x20, 0x22 },      /* PIC */
		{ 0x40, 0x44 },      /* PIT */
		{ 0x60, 0x68 },      /* keyboard controller (it resets, and gates address line 20); PIT gate, NMI */
		{ 0x70, 0x78 },      /* real-time clock, NMI mask */
		{ 0x80, 0xa2 },      /* DMA pages, fast reset (0x92), second PIC */
		{ 0xb2, 0xb4 },      /* system management */
		{ 0xc0, 0xe0 },      /* second DMA controller */
		{ 0xe9, 0xea },      /* log */
		{ 0x400, 0x410 }, { 0x480, 0x4a0 },  /* DMA, extended */
		{ 0x4d0, 0x4d2 },    /* trigger of the PICs' inputs */
		{ X86_DEBUG_EXIT, X86_DEBUG_EXIT + 4 },
		{ 0x510, 0x520 },    /* QEMU's fw_cfg: it has DMA */
		{ 0xcf8, 0xd00 },    /* PCI configuration, reset */
	};
	struct acpi_ports found = { };   /* none where the tables have none at this index */
	if (index < COUNTOF(fixed))
		found = fixed[index];
	else if ((index -= COUNTOF(fixed)) < ACPI_PM_BLOCKS)
		found = platform_acpi.pm_ports[index];
	else if ((index -= ACPI_PM_BLOCKS) >= COUNTOF(mapped))
		return false;
	else if (mapped[index].reg->in_ports)
		found = (struct acpi_ports){ mapped[index].reg->address, mapped[index].reg->address + mapped[index].reg->width };
	*start = found.start;
	*end = found.end;
	return true;
}

/* --- power --- */

enum : u32 { PM1_SCI_ENABLE = 1, PM1_SLEEP_TYPE = 7 << 10, PM1_SLEEP = 1 << 13, SLEEP_CONTROL_SLEEP = 1 << 5 };

/** Puts one PM1 control register into soft off. */
static void
pm1_off(const struct acpi_register *control, u32 type)
{
	u32 value = (platform_register_read(control) & ~(u32)(PM1_SLEEP_TYPE | PM1_SLEEP)) | type << 10;
	platform_register_write(control, value);
	platform_register_write(control, value | PM1_SLEEP);
}

void
acpi_power_off(void)
{
	if (!platform_acpi.has_s5)
		return;
	platform_register_write(&platform_acpi.sleep_control, (u32)platform_acpi.s5_a << 2 | SLEEP_CONTROL_SLEEP);
	bool acpi_mode = (platform_register_read(&platform_acpi.pm1a_control) & PM1_SCI_ENABLE) != 0;
	if (!acpi_mode && platform_acpi.smi_command != 0 && platform_acpi.acpi_enable != 0) {
		/* SAFETY: the tables' own way to hand power management over to us (ACPI 6.5, 4.8.2.5). */
		port_out8(platform_acpi.smi_command, platform_acpi.acpi_enable);
		clock_delay_us(10000);
	}
	pm1_off(&platform_acpi.pm1a_control, platform_acpi.s5_a);
	pm1_off(&platform_acpi.pm1b_control, platform_acpi.s5_b);
	clock_delay_us(100000);
}

void
acpi_reset(void)
{
	platform_register_write(&platform_acpi.reset, platform_acpi.reset_value);
	clock_delay_us(10000);
	/* SAFETY: reset control of PC chipsets, then the keyboard controller's pulse: what firmware without the register understands. */
	port_out8(0xcf9, 0x02);
	port_out8(0xcf9, 0x06);
	clock_delay_us(10000);
	port_out8(0x64, 0xfe);
	clock_delay_us(10000);
}
