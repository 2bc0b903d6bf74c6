// SPDX-License-Identifier: MPL-2.0
/**
 * The platform's start: finds and reads the firmware's tables, sets up what they describe; what of the machine no driver may touch; power.
 */
#include "apic.h"
#include <arch/string.h>
#include <debug/debug.h>

struct acpi_info platform_acpi;

/* --- reading the tables --- */

/* Pages that the tables lie in, mapped one by one as they are asked for, read-only. */
enum : u32 { TABLE_PAGES_MAX = 512 };
static struct { u64 pa; const u8 *va; } table_pages[TABLE_PAGES_MAX];   /* [boot] */
static u32 ntable_pages;                                               /* [boot] */

/** The page at `pa`, null where it cannot be RAM or no room is left. */
static const u8 *
table_page(u64 pa)
{
	for (u32 i = ntable_pages; i-- > 0;)
		if (table_pages[i].pa == pa)
			return table_pages[i].va;
	/* Tables are in RAM: not where devices are, whose registers change when they are read. */
	bool devices = (pa >= 0xa0000 && pa < 0xc0000) || (pa >= 0xfec00000 && pa < 0x100000000);
	const u8 *va = devices || ntable_pages == TABLE_PAGES_MAX ? nullptr : x86_map_early(pa, PAGE_SIZE, 0);
	if (va != nullptr) {
		table_pages[ntable_pages].pa = pa;
		table_pages[ntable_pages++].va = va;
	}
	return va;
}

static bool
table_read(const struct acpi_reader *reader, u64 pa, void *dst, size_t len)
{
	(void)reader;
	if (range_exceeds(pa, len, arch_physical_limit()))
		return false;
	for (size_t done = 0; done < len;) {
		u64 at = pa + done, off = at % PAGE_SIZE;
		size_t part = MIN(len - done, (size_t)(PAGE_SIZE - off));
		const u8 *page = table_page(at - off);
		if (page == nullptr)
			return false;
		/* SAFETY: `page` is a read-only mapping of a whole page, of which `part` bytes from `off` are left; dst has len bytes by contract. */
		memcpy((u8 *)dst + done, page + off, part);
		done += part;
	}
	return true;
}

static void
tables_read(u64 rsdp)
{
	const struct acpi_reader reader = { table_read };
	if (!acpi_parse(&reader, rsdp, &platform_acpi) && !acpi_parse(&reader, acpi_rsdp_search(&reader), &platform_acpi))
		log_warn("acpi: no tables; one CPU, and power off only by the debug port");
	if (platform_acpi.has_madt)
		return;
	/* What a PC without tables has: the one IO-APIC at its usual address, the timer on its input 2. */
	platform_acpi.lapic_pa = 0xfee00000;
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
	if (!apic_probe(platform_acpi.lapic_pa))
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

static bool
range_out(u64 from, u64 to, u64 *start, u64 *end)
{
	*start = from;
	*end = to;
	return true;
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
	if (index < COUNTOF(fixed))
		return range_out(fixed[index].start, fixed[index].end, start, end);
	index -= COUNTOF(fixed);
	/* The same by the tables, where they have put it elsewhere. An empty range where there is none. */
	if (index < ACPI_IOAPICS_MAX) {
		u64 pa = align_down(platform_acpi.ioapics[index].pa, PAGE_SIZE);
		return range_out(pa, index < platform_acpi.nioapics ? pa + PAGE_SIZE : pa, start, end);
	}
	index -= ACPI_IOAPICS_MAX;
	if (index < ACPI_SEGMENTS_MAX)
		return range_out(platform_acpi.segments[index].start, platform_acpi.segments[index].end, start, end);
	index -= ACPI_SEGMENTS_MAX;
	if (index < COUNTOF(mapped)) {
		const struct acpi_register *reg = mapped[index].reg;
		u64 pa = align_down(reg->address, PAGE_SIZE);
		return range_out(pa, reg->width != 0 && !reg->in_ports ? pa + PAGE_SIZE : pa, start, end);
	}
	u64 others[] = { platform_acpi.hpet_pa, align_down(platform_acpi.lapic_pa, PAGE_SIZE) };
	index -= COUNTOF(mapped);
	return index < COUNTOF(others) && range_out(others[index], others[index] == 0 ? 0 : others[index] + PAGE_SIZE, start, end);
}

static bool
ports_out(u32 from, u32 to, u32 *start, u32 *end)
{
	*start = from;
	*end = to;
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
		{ X86_COM1, X86_COM1 + 8 },
		{ 0x400, 0x410 }, { 0x480, 0x4a0 },  /* DMA, extended */
		{ 0x4d0, 0x4d2 },    /* trigger of the PICs' inputs */
		{ X86_DEBUG_EXIT, X86_DEBUG_EXIT + 4 },
		{ 0x510, 0x520 },    /* QEMU's fw_cfg: it has DMA */
		{ 0xcf8, 0xd00 },    /* PCI configuration, reset */
	};
	if (index < COUNTOF(fixed))
		return ports_out(fixed[index].start, fixed[index].end, start, end);
	index -= COUNTOF(fixed);
	if (index < ACPI_PM_BLOCKS)
		return ports_out(platform_acpi.pm_ports[index].start, platform_acpi.pm_ports[index].end, start, end);
	index -= ACPI_PM_BLOCKS;
	if (index >= COUNTOF(mapped))
		return false;
	const struct acpi_register *reg = mapped[index].reg;
	u32 port = reg->in_ports ? (u32)reg->address : 0;
	return ports_out(port, port + (reg->in_ports ? reg->width : 0), start, end);
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
