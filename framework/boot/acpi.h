// SPDX-License-Identifier: MPL-2.0
/**
 * What the framework takes from the firmware's ACPI tables. Source: ACPI 6.5, chapters 5.2 and 4.8.
 *
 * The tables are not trusted: only what a reader says is readable is read, every offset is compared with
 * its table's length, every count with its array. A table that is wrong in itself is as if it were not there. Pure functions: no state.
 */
#pragma once

#include <cadre/types.h>

struct acpi_reader {
	/** [pa, pa + len) of physical memory, to be read until the parser returns. => null where it wraps or any of it may not be read. */
	const u8 *(*map)(const struct acpi_reader *reader, u64 pa, u64 len);
};

enum : u32 {
	ACPI_IOAPICS_MAX = 8, ACPI_SEGMENTS_MAX = 8, ACPI_ISA_IRQS = 16, ACPI_PM_BLOCKS = 8,
	ACPI_GSI_MAX = 1024,                 /* interrupt inputs from this number on are refused */
};

/** A register in memory or in port space; width 0: there is none. */
struct acpi_register {
	u64 address;
	bool in_ports;
	u8 width;            /* bytes: 1, 2, 4 */
};

struct acpi_info {
	/* MADT. Without one (`has_madt` false) there is nothing in these but zeroes. */
	bool has_madt;
	u32 ncpus, cpus[CPU_MAX];            /* the APIC ids of usable ones, none twice */
	u32 ncpus_left_out;                  /* usable ones beyond CPU_MAX */
	u32 nioapics;                        /* at distinct page-aligned addresses and input numbers */
	struct acpi_ioapic { u64 pa; u32 gsi_base; } ioapics[ACPI_IOAPICS_MAX];
	struct acpi_isa_irq { u32 gsi; bool level, low; } isa_irqs[ACPI_ISA_IRQS]; /* identity, edge, high where no entry says otherwise */
	struct acpi_lint { bool nmi, low; } lints[2];   /* local interrupt pins: wired to NMI, be it on one CPU; active low */

	u32 nsegments;                       /* MCFG: windows of PCI configuration space, none wrapping */
	struct acpi_segment { u64 start, end; u16 segment; u8 bus_first, bus_last; } segments[ACPI_SEGMENTS_MAX];

	u64 hpet_pa;                         /* 0: none */

	/* FADT and the DSDT's \_S5. */
	struct acpi_register pm_timer, pm1a_control, pm1b_control, sleep_control, reset;
	u8 reset_value;
	u16 smi_command;                     /* port; 0: none */
	u8 acpi_enable;                      /* value for it that turns ACPI mode on */
	u32 npm_ports;                       /* ports of the power-management registers, half-open */
	struct acpi_ports { u32 start, end; } pm_ports[ACPI_PM_BLOCKS];
	bool has_s5, pm_timer_32bit;
	u8 s5_a, s5_b;                       /* SLP_TYP values of soft off */
};

/** The root pointer's address as in PC firmware: EBDA, then 0xE0000 … 0xFFFFF. => 0 where there is none. */
u64 acpi_rsdp_search(const struct acpi_reader *reader);
/** Reads the tables behind the root pointer at `rsdp`. => false where that is no valid root pointer or table; out is all defaults then. */
bool acpi_parse(const struct acpi_reader *reader, u64 rsdp, struct acpi_info *out);
