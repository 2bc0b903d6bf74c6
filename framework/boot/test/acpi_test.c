// SPDX-License-Identifier: MPL-2.0
/**
 * ACPI tables as firmware makes them, and as nobody should.
 */
#include <boot/acpi.h>
#include <arch/string.h>
#include <test.h>

enum : u32 { BASE = 0x10000, MEMORY_LEN = 0x6000, RSDP_AT = 0, ROOT_AT = 0x100, FIRST_TABLE = 0x800, ROOT_ENTRIES = 200 };

/* Physical memory [BASE, BASE + MEMORY_LEN); nothing else can be read. Tests run one at a time. */
static struct machine {
	struct acpi_reader reader;
	u8 memory[MEMORY_LEN];
	u32 next, ntables;
	u64 reads;
} machine;
static struct acpi_info info;

static const u8 *
machine_map(const struct acpi_reader *reader, u64 pa, u64 len)
{
	struct machine *m = (struct machine *)reader;
	m->reads++;
	return pa < BASE || range_exceeds(pa - BASE, len, MEMORY_LEN) ? nullptr : m->memory + (pa - BASE);
}

static void
put(u32 at, u64 value, u32 size)
{
	for (u32 i = 0; i < size; i++)
		machine.memory[at + i] = (u8)(value >> (8 * i));
}

/** Makes [at, at + len) sum to 0 by its byte at `at + sum`. */
static void
seal(u32 at, u32 len, u32 sum)
{
	u8 total = 0;
	machine.memory[at + sum] = 0;
	for (u32 i = 0; i < len; i++)
		total += machine.memory[at + i];
	machine.memory[at + sum] = (u8)(0 - total);
}

static void
root_seal(void)
{
	memcpy(machine.memory + ROOT_AT, "XSDT", 4);
	put(ROOT_AT + 4, 36 + 8 * machine.ntables, 4);
	seal(ROOT_AT, 36 + 8 * machine.ntables, 9);
	memcpy(machine.memory + RSDP_AT, "RSD PTR ", 8);
	machine.memory[RSDP_AT + 15] = 2;
	put(RSDP_AT + 24, BASE + ROOT_AT, 8);
	seal(RSDP_AT, 20, 8);
	seal(RSDP_AT, 36, 32);
}

/** An empty machine with a good root pointer and root table. */
static void
machine_reset(void)
{
	memset(&machine, 0, sizeof(machine));
	machine.reader.map = machine_map;
	machine.next = FIRST_TABLE;
	root_seal();
}

/** A table with this body, in the root table; returns where it lies. */
static u32
table_add(const char *signature, const void *body, u32 len)
{
	u32 at = machine.next;
	memcpy(machine.memory + at, signature, 4);
	put(at + 4, 36 + len, 4);
	memcpy(machine.memory + at + 36, body, len);
	seal(at, 36 + len, 9);
	machine.next += (36 + len + 15) / 16 * 16;
	if (memcmp(signature, "DSDT", 4) != 0 && machine.ntables < ROOT_ENTRIES)
		put(ROOT_AT + 36 + 8 * machine.ntables++, BASE + at, 8);
	root_seal();
	return at;
}

static bool
parse(void)
{
	return acpi_parse(&machine.reader, BASE + RSDP_AT, &info);
}

#define MADT_HEAD 0, 0, 0xe0, 0xfe, 1, 0, 0, 0
#define CPU(uid, id, flags) 0, 8, uid, id, flags, 0, 0, 0
#define X2CPU(uid, low, high, flags) 9, 16, 0, 0, low, high, 0, 0, flags, 0, 0, 0, uid, 0, 0, 0
#define IOAPIC(page, gsi) 1, 12, 0, 0, 0, page, 0xc0, 0xfe, gsi, 0, 0, 0
#define OVERRIDE(irq, gsi, flags) 2, 10, 0, irq, gsi, 0, 0, 0, flags, 0
#define MADT(...) table_add("APIC", (const u8[]){ MADT_HEAD, __VA_ARGS__ }, sizeof((const u8[]){ MADT_HEAD, __VA_ARGS__ }))

TEST(a_usual_interrupt_table_is_read)
{
	machine_reset();
	MADT(CPU(1, 0, 1), CPU(2, 4, 1), CPU(3, 5, 0), IOAPIC(0, 0), IOAPIC(0x10, 24), OVERRIDE(0, 2, 0), OVERRIDE(9, 9, 0xd), OVERRIDE(10, 10, 0xf),
		4, 6, 0xff, 0, 0, 1, 5, 12, 0, 0, 0, 0, 0xd0, 0xfe, 1, 0, 0, 0);
	EXPECT(parse());
	EXPECT(info.has_madt);
	EXPECT_EQ(info.ncpus, 2);
	EXPECT_EQ(info.cpus[1], 4);
	EXPECT_EQ(info.nioapics, 2);
	EXPECT_EQ(info.ioapics[1].pa, 0xfec01000);
	EXPECT_EQ(info.ioapics[1].gsi_base, 24);
	EXPECT_EQ(info.isa_irqs[0].gsi, 2);
	EXPECT(!info.isa_irqs[0].level && !info.isa_irqs[0].low);
	EXPECT(info.isa_irqs[9].level && !info.isa_irqs[9].low);
	EXPECT(info.isa_irqs[10].level && info.isa_irqs[10].low);
	EXPECT_EQ(info.isa_irqs[5].gsi, 5);
	EXPECT(!info.lints[0].nmi && info.lints[1].nmi && !info.lints[1].low);
}

TEST(x2apic_entries_count_as_cpus_and_no_id_counts_twice)
{
	machine_reset();
	MADT(CPU(0, 0, 1), X2CPU(1, 0x2c, 1, 1), X2CPU(2, 0, 0, 1), CPU(3, 0, 1), X2CPU(3, 7, 0, 0), 10, 12, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 2);
	EXPECT_EQ(info.cpus[1], 300);
	EXPECT(info.lints[0].nmi != info.lints[1].nmi);
}

TEST(broadcast_ids_are_no_cpus)
{
	machine_reset();
	MADT(CPU(0, 0xff, 1), 9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0);
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 0);
}

TEST(cpus_beyond_the_maximum_are_counted_and_left_out)
{
	machine_reset();
	u8 body[8 + 8 * 80] = { MADT_HEAD };
	for (u32 i = 0; i < 80; i++)
		memcpy(&body[8 + 8 * i], (const u8[]){ CPU((u8)i, (u8)i, 1) }, 8);
	table_add("APIC", body, sizeof(body));
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, CPU_MAX);
	EXPECT_EQ(info.ncpus_left_out, 80 - CPU_MAX);
}

TEST(an_entry_of_length_zero_ends_the_interrupt_table)
{
	machine_reset();
	MADT(CPU(0, 0, 1), 0, 0, 1, 1, 1, 0, 0, 0, CPU(2, 2, 1));
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
}

TEST(an_entry_of_length_one_ends_the_interrupt_table)
{
	machine_reset();
	MADT(CPU(0, 0, 1), 0, 1, CPU(2, 2, 1));
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
}

TEST(an_entry_that_reaches_beyond_its_table_is_not_read)
{
	machine_reset();
	MADT(CPU(0, 0, 1), 0, 200, 1, 1, 1, 0, 0, 0);
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
}

TEST(an_entry_shorter_than_its_kind_is_skipped)
{
	machine_reset();
	MADT(0, 4, 1, 9, 1, 8, 0, 0, 0, 0, 0, 0, 2, 4, 0, 5, CPU(0, 3, 1));
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
	EXPECT_EQ(info.nioapics, 0);
	EXPECT_EQ(info.cpus[0], 3);
}

TEST(unknown_entries_are_skipped)
{
	machine_reset();
	MADT(0x7f, 4, 0, 0, 0xff, 3, 0, CPU(0, 3, 1));
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
}

TEST(an_interrupt_table_without_room_for_its_own_head_is_empty)
{
	machine_reset();
	table_add("APIC", "", 0);
	EXPECT(parse());
	EXPECT(info.has_madt);
	EXPECT_EQ(info.ncpus, 0);
}

TEST(overrides_of_irqs_and_inputs_that_do_not_exist_are_refused)
{
	machine_reset();
	MADT(OVERRIDE(16, 3, 0), OVERRIDE(255, 3, 0), 2, 10, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xf, 0, 2, 10, 0, 6, 0, 4, 0, 0, 0xf, 0);
	EXPECT(parse());
	for (u32 i = 0; i < ACPI_ISA_IRQS; i++)
		EXPECT(info.isa_irqs[i].gsi == i && !info.isa_irqs[i].level);
}

TEST(ioapics_that_share_a_page_or_a_number_are_refused)
{
	machine_reset();
	MADT(IOAPIC(0, 0), IOAPIC(0, 24), IOAPIC(0x10, 0), IOAPIC(0x20, 48), 1, 12, 0, 0, 0, 0, 0, 0, 72, 0, 0, 0,
		1, 12, 0, 0, 4, 0x30, 0xc0, 0xfe, 96, 0, 0, 0, 1, 12, 0, 0, 0, 0x40, 0xc0, 0xfe, 0, 4, 0, 0);
	EXPECT(parse());
	EXPECT_EQ(info.nioapics, 2);
	EXPECT_EQ(info.ioapics[1].gsi_base, 48);
}

TEST(more_ioapics_and_nmis_than_there_is_room_for_are_dropped)
{
	machine_reset();
	u8 body[8 + 20 * 12 + 20 * 6] = { MADT_HEAD };
	for (u32 i = 0; i < 20; i++) {
		memcpy(&body[8 + 12 * i], (const u8[]){ IOAPIC((u8)(i * 16), (u8)(i * 8)) }, 12);
		memcpy(&body[8 + 20 * 12 + 6 * i], (const u8[]){ 4, 6, (u8)i, 0, 0, (u8)(i % 3) }, 6);
	}
	table_add("APIC", body, sizeof(body));
	EXPECT(parse());
	EXPECT_EQ(info.nioapics, ACPI_IOAPICS_MAX);
	EXPECT(info.lints[0].nmi && info.lints[1].nmi);
}

TEST(a_root_pointer_with_a_wrong_checksum_is_refused)
{
	machine_reset();
	machine.memory[RSDP_AT + 9]++;
	EXPECT(!parse());
	EXPECT_EQ(info.isa_irqs[3].gsi, 3);
}

TEST(a_root_pointer_without_its_signature_is_refused)
{
	machine_reset();
	machine.memory[RSDP_AT] = 'r';
	seal(RSDP_AT, 20, 8);
	EXPECT(!parse());
}

TEST(root_pointers_nowhere_at_the_end_and_wrapping_are_refused)
{
	machine_reset();
	EXPECT(!acpi_parse(&machine.reader, 0, &info));
	EXPECT(!acpi_parse(&machine.reader, 0x1000, &info));
	EXPECT(!acpi_parse(&machine.reader, BASE + MEMORY_LEN - 8, &info));
	EXPECT(!acpi_parse(&machine.reader, ~(u64)0, &info));
	EXPECT(!acpi_parse(&machine.reader, ~(u64)0 - 35, &info));
}

TEST(the_old_root_table_is_read_where_the_new_one_is_bad)
{
	machine_reset();
	u32 at = MADT(CPU(0, 6, 1));
	memcpy(machine.memory + 0x700, "RSDT", 4);
	put(0x704, 40, 4);
	put(0x700 + 36, BASE + at, 4);
	seal(0x700, 40, 9);
	put(RSDP_AT + 16, BASE + 0x700, 4);
	machine.memory[ROOT_AT + 9]++;
	seal(RSDP_AT, 20, 8);
	seal(RSDP_AT, 36, 32);
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
	machine.memory[0x700 + 9]++;
	EXPECT(!parse());
}

TEST(a_root_table_shorter_than_a_header_is_refused)
{
	machine_reset();
	put(ROOT_AT + 4, 35, 4);
	seal(ROOT_AT, 35, 9);
	EXPECT(!parse());
	put(ROOT_AT + 4, 0, 4);
	EXPECT(!parse());
}

TEST(a_root_table_longer_than_memory_is_refused)
{
	machine_reset();
	put(ROOT_AT + 4, MEMORY_LEN, 4);
	EXPECT(!parse());
	put(ROOT_AT + 4, 0xffffffff, 4);
	machine.reads = 0;
	EXPECT(!parse());
	EXPECT(machine.reads < 100);   /* not four gigabytes of checksum */
}

TEST(a_root_table_whose_last_entry_is_cut_off_loses_only_that)
{
	machine_reset();
	MADT(CPU(0, 6, 1));
	put(ROOT_AT + 4, 36 + 8 + 5, 4);
	seal(ROOT_AT, 36 + 8 + 5, 9);
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
	put(ROOT_AT + 4, 36 + 7, 4);
	seal(ROOT_AT, 36 + 7, 9);
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 0);
}

TEST(root_entries_that_point_at_nothing_are_passed_over)
{
	machine_reset();
	static const u64 wild[] = { 0, 1, BASE - 2, BASE + MEMORY_LEN - 2, BASE + MEMORY_LEN, ~(u64)0, ~(u64)0 - 3, (u64)1 << 52 };
	for (u32 i = 0; i < COUNTOF(wild); i++)
		put(ROOT_AT + 36 + 8 * machine.ntables++, wild[i], 8);
	MADT(CPU(0, 6, 1));
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
}

TEST(a_root_table_that_names_itself_and_others_many_times_is_read_once)
{
	machine_reset();
	MADT(CPU(0, 6, 1));
	u64 madt = BASE + FIRST_TABLE;
	for (u32 i = 0; i < ROOT_ENTRIES - 2; i++)
		put(ROOT_AT + 36 + 8 * machine.ntables++, i % 2 == 0 ? (u64)(BASE + ROOT_AT) : madt, 8);
	root_seal();
	machine.reads = 0;
	EXPECT(parse());
	EXPECT_EQ(info.ncpus, 1);
	EXPECT(machine.reads < 4000);
}

TEST(a_table_with_a_wrong_checksum_is_as_if_absent_and_the_next_of_its_kind_counts)
{
	machine_reset();
	u32 at = MADT(CPU(0, 6, 1));
	machine.memory[at + 40]++;
	EXPECT(parse());
	EXPECT(!info.has_madt);
	MADT(CPU(0, 7, 1));
	EXPECT(parse());
	EXPECT_EQ(info.cpus[0], 7);
}

TEST(a_table_that_overlaps_another_is_read_without_harm)
{
	machine_reset();
	u32 at = MADT(CPU(0, 6, 1), CPU(1, 7, 1));
	/* An HPET table whose header begins inside. */
	memcpy(machine.memory + at + 44, "HPET", 4);
	put(at + 48, 56, 4);
	put(ROOT_AT + 36 + 8 * machine.ntables++, BASE + at + 44, 8);
	seal(at + 44, 56, 9);
	seal(at, 44 + 16, 9);
	root_seal();
	EXPECT(parse());
	EXPECT(info.has_madt);
	EXPECT_EQ(info.hpet_pa, 0);
}

static void
hpet_put(u8 *body, u8 space, u64 address)
{
	memset(body, 0, 20);
	body[4] = space;
	body[5] = 64;
	for (u32 i = 0; i < 8; i++)
		body[8 + i] = (u8)(address >> (8 * i));
}

TEST(an_hpet_must_lie_in_memory_and_aligned)
{
	static const struct { u8 space; u64 address, expected; } cases[] = {
		{ 0, 0xfed00000, 0xfed00000 }, { 1, 0x400, 0 }, { 2, 0xfed00000, 0 }, { 0, 0xfed00004, 0 }, { 0, 0, 0 }, { 0, ~(u64)0 - 1023, 0 },
		{ 0, (u64)1 << 52, 0 },
	};
	for (u32 i = 0; i < COUNTOF(cases); i++) {
		u8 body[20];
		machine_reset();
		hpet_put(body, cases[i].space, cases[i].address);
		table_add("HPET", body, sizeof(body));
		EXPECT(parse());
		EXPECT_EQ(info.hpet_pa, cases[i].expected);
	}
}

TEST(pci_windows_are_taken_where_they_are_sound)
{
	machine_reset();
	u8 body[8 + 16 * 12] = { };
	static const struct { u64 base; u8 first, last; } windows[12] = {
		{ 0xb0000000, 0, 255 }, { 0xc0000000, 16, 31 }, { 0, 0, 1 }, { 0xb0000001, 0, 1 }, { 0xd0000000, 9, 8 }, { ~(u64)0xfff, 0, 255 },
		{ 0x1000000000, 0, 0 }, { 0x2000000000, 0, 0 }, { 0x3000000000, 0, 0 }, { 0x4000000000, 0, 0 }, { 0x5000000000, 0, 0 }, { 0x6000000000, 0, 0 },
	};
	for (u32 i = 0; i < 12; i++) {
		for (u32 k = 0; k < 8; k++)
			body[8 + 16 * i + k] = (u8)(windows[i].base >> (8 * k));
		body[8 + 16 * i + 10] = windows[i].first;
		body[8 + 16 * i + 11] = windows[i].last;
	}
	table_add("MCFG", body, sizeof(body));
	EXPECT(parse());
	EXPECT_EQ(info.nsegments, ACPI_SEGMENTS_MAX);
	EXPECT_EQ(info.segments[0].end, 0xc0000000);
	EXPECT_EQ(info.segments[1].start, 0xc1000000);
	EXPECT_EQ(info.segments[1].end, 0xc2000000);
	EXPECT_EQ(info.segments[2].start, 0x1000000000);
}

TEST(a_pci_table_cut_inside_an_entry_loses_only_that)
{
	machine_reset();
	u8 body[8 + 16 + 15] = { [8 + 3] = 0xb0, [8 + 11] = 255, [24 + 3] = 0xc0, [24 + 11] = 255 };
	table_add("MCFG", body, sizeof(body));
	EXPECT(parse());
	EXPECT_EQ(info.nsegments, 1);
}

/* --- FADT and DSDT --- */

static u8 fadt[268];   /* header included, so that the specification's offsets hold */

static void
fadt_put(u32 at, u64 value, u32 size)
{
	for (u32 i = 0; i < size; i++)
		fadt[at + i] = (u8)(value >> (8 * i));
}

static void
fadt_register(u32 at, u8 space, u8 bits, u64 address)
{
	fadt[at] = space;
	fadt[at + 1] = bits;
	fadt_put(at + 4, address, 8);
}

static void
fadt_reset(void)
{
	memset(fadt, 0, sizeof(fadt));
	fadt_put(48, 0xb2, 4);
	fadt[52] = 0xf1;
	fadt_put(56, 0x600, 4);
	fadt_put(64, 0x604, 4);
	fadt_put(76, 0x608, 4);
	fadt[88] = 4;
	fadt[89] = 2;
	fadt[91] = 4;
}

static bool
fadt_parse_with(u32 len)
{
	table_add("FACP", fadt + 36, len - 36);
	return parse();
}

TEST(fixed_power_registers_come_from_the_old_ports_or_the_new_addresses)
{
	machine_reset();
	fadt_reset();
	EXPECT(fadt_parse_with(116));
	EXPECT_EQ(info.pm_timer.address, 0x608);
	EXPECT(info.pm_timer.in_ports && info.pm_timer.width == 4 && !info.pm_timer_32bit);
	EXPECT_EQ(info.pm1a_control.address, 0x604);
	EXPECT_EQ(info.pm1b_control.width, 0);
	EXPECT_EQ(info.smi_command, 0xb2);
	EXPECT_EQ(info.acpi_enable, 0xf1);
	EXPECT_EQ(info.npm_ports, 3);
	EXPECT_EQ(info.pm_ports[0].start, 0x600);
	EXPECT_EQ(info.pm_ports[0].end, 0x604);
	EXPECT_EQ(info.reset.width, 0);
	machine_reset();
	fadt_register(208, 1, 32, 0x1008);
	fadt_register(172, 0, 16, 0xfed80804);
	fadt_put(112, 1 << 8 | 1 << 10, 4);
	fadt_register(116, 1, 8, 0xcf9);
	fadt[128] = 0xf;
	EXPECT(fadt_parse_with(268));
	EXPECT_EQ(info.pm_timer.address, 0x1008);
	EXPECT(info.pm_timer_32bit);
	EXPECT_EQ(info.pm1a_control.address, 0xfed80804);
	EXPECT(!info.pm1a_control.in_ports && info.pm1a_control.width == 2);
	EXPECT_EQ(info.reset.address, 0xcf9);
	EXPECT_EQ(info.reset_value, 0xf);
}

TEST(registers_beyond_the_ports_and_in_odd_spaces_are_refused)
{
	machine_reset();
	fadt_reset();
	fadt_put(76, 0xfffe, 4);
	fadt_put(64, 0x10000, 4);
	fadt_put(56, 0xfffffffe, 4);
	fadt_put(48, 0x12345678, 4);
	fadt_put(112, 1 << 10, 4);
	fadt_register(116, 2, 8, 0xcf9);
	EXPECT(fadt_parse_with(268));
	EXPECT_EQ(info.pm_timer.width, 0);
	EXPECT_EQ(info.pm1a_control.width, 0);
	EXPECT_EQ(info.smi_command, 0);
	EXPECT_EQ(info.reset.width, 0);
	for (u32 i = 0; i < info.npm_ports; i++)
		EXPECT(info.pm_ports[i].end <= 0x10000);
}

TEST(hardware_reduced_machines_have_no_fixed_registers_but_perhaps_the_timer)
{
	machine_reset();
	fadt_reset();
	fadt_put(112, 1 << 20 | 1 << 10, 4);
	fadt_register(244, 0, 8, 0xfea00200);
	fadt_register(116, 0, 8, 0xfea00202);
	EXPECT(fadt_parse_with(268));
	EXPECT_EQ(info.pm1a_control.width, 0);
	EXPECT_EQ(info.pm_timer.address, 0x608);
	EXPECT_EQ(info.npm_ports, 0);
	EXPECT_EQ(info.sleep_control.address, 0xfea00200);
	EXPECT_EQ(info.reset.address, 0xfea00202);
}

TEST(every_length_of_a_power_table_is_survived)
{
	fadt_reset();
	for (u32 len = 36; len <= 268; len++) {
		machine_reset();
		EXPECT(fadt_parse_with(len));
	}
}

/** Parses a machine whose DSDT has `len` bytes of AML. */
static void
parse_dsdt(const u8 *aml, u32 len)
{
	machine_reset();
	fadt_reset();
	u32 at = table_add("DSDT", aml, len);
	fadt_put(140, BASE + at, 8);
	EXPECT(fadt_parse_with(268));
}

TEST(soft_off_values_are_found_in_their_forms)
{
	parse_dsdt((const u8[]){ 1, 2, 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 3, 0, 0 }, 16);
	EXPECT(info.has_s5);
	EXPECT_EQ(info.s5_a, 5);
	EXPECT_EQ(info.s5_b, 3);
	parse_dsdt((const u8[]){ 8, '\\', '_', 'S', '5', '_', 0x12, 6, 2, 0, 1 }, 11);
	EXPECT(info.has_s5);
	EXPECT_EQ(info.s5_a, 0);
	EXPECT_EQ(info.s5_b, 1);
	parse_dsdt((const u8[]){ 8, '_', 'S', '5', '_', 0x12, 0x46, 0, 4, 0x0a, 7, 0 }, 12);   /* length of two bytes */
	EXPECT(info.has_s5);
	EXPECT_EQ(info.s5_a, 7);
	parse_dsdt((const u8[]){ 8, '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 5 }, 10);               /* one element */
	EXPECT(info.has_s5);
	EXPECT_EQ(info.s5_a, 5);
}

TEST(soft_off_values_are_found_across_the_edges_of_what_is_read_at_once)
{
	static const u8 name[] = { 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 3 };
	for (u32 pad = 230; pad < 300; pad++) {
		u8 aml[320] = { };
		memcpy(aml + pad, name, sizeof(name));
		parse_dsdt(aml, pad + sizeof(name));
		EXPECT(info.has_s5);
		EXPECT_EQ(info.s5_b, 3);
	}
}

TEST(soft_off_values_that_are_cut_off_or_no_constants_are_none)
{
	static const u8 name[] = { 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 3 };
	for (u32 len = 0; len < sizeof(name); len++) {
		parse_dsdt(name, len);
		EXPECT(!info.has_s5);
	}
	parse_dsdt((const u8[]){ 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0b, 5, 0, 0x0a, 3 }, 13);   /* a word */
	EXPECT(!info.has_s5);
	parse_dsdt((const u8[]){ 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 8, 0x0a, 3 }, 12);      /* more than 3 bits */
	EXPECT(!info.has_s5);
	parse_dsdt((const u8[]){ 8, '_', 'S', '5', '_', 0x12, 6, 0, 0x0a, 5, 0x0a, 3 }, 12);      /* no element */
	EXPECT(!info.has_s5);
	parse_dsdt((const u8[]){ 8, '_', 'S', '5', '_', 0x14, 6, 4, 0x0a, 5, 0x0a, 3 }, 12);      /* no package */
	EXPECT(!info.has_s5);
	parse_dsdt((const u8[]){ '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 3 }, 11);         /* no name */
	EXPECT(!info.has_s5);
}

TEST(a_power_table_whose_description_table_is_bad_still_gives_its_registers)
{
	machine_reset();
	fadt_reset();
	u32 at = table_add("DSDT", "xxxx", 4);
	machine.memory[at + 9]++;
	fadt_put(140, BASE + at, 8);
	fadt_put(40, ~(u32)0, 4);
	EXPECT(fadt_parse_with(268));
	EXPECT(!info.has_s5);
	EXPECT_EQ(info.pm1a_control.address, 0x604);
}

/* --- searching the root pointer: memory of its own, the first MiB's interesting parts --- */

static struct low_memory {
	struct acpi_reader reader;
	u64 rsdp_at;
	u16 ebda;
	bool no_bios_data;
} low;

static const u8 *
low_map(const struct acpi_reader *reader, u64 pa, u64 len)
{
	static u8 mapped[0x20000];
	const struct low_memory *m = (const struct low_memory *)reader;
	u8 rsdp[20] = "RSD PTR ";
	for (u32 i = 0; i < 19; i++)
		rsdp[19] = (u8)(rsdp[19] - rsdp[i]);
	if (len > sizeof(mapped) || range_exceeds(pa, len, 0x100000) || (pa < 0x500 && m->no_bios_data))
		return nullptr;
	for (size_t i = 0; i < len; i++) {
		u64 at = pa + i;
		mapped[i] = at - m->rsdp_at < sizeof(rsdp) ? rsdp[at - m->rsdp_at] : at - 0x40e < 2 ? (u8)(m->ebda >> (8 * (at - 0x40e))) : 0;
	}
	return mapped;
}

static u64
low_search(u16 ebda, u64 rsdp_at)
{
	low = (struct low_memory){ { low_map }, rsdp_at, ebda, false };
	return acpi_rsdp_search(&low.reader);
}

TEST(the_root_pointer_is_found_where_firmware_puts_it)
{
	EXPECT_EQ(low_search(0x9fc0, 0x9fc00), 0x9fc00);
	EXPECT_EQ(low_search(0x9fc0, 0x9ffe0), 0x9ffe0);
	EXPECT_EQ(low_search(0x9fc0, 0xe0000), 0xe0000);
	EXPECT_EQ(low_search(0, 0xfffe0), 0xfffe0);
	low.no_bios_data = true;
	EXPECT_EQ(acpi_rsdp_search(&low.reader), 0xfffe0);
}

TEST(the_root_pointer_is_not_found_elsewhere)
{
	EXPECT_EQ(low_search(0x9fc0, 0x9fc08), 0);     /* not on 16 bytes */
	EXPECT_EQ(low_search(0x9fc0, 0x9fbf0), 0);
	EXPECT_EQ(low_search(0xffff, 0xa0000), 0);     /* the data area would lie in device memory */
	EXPECT_EQ(low_search(0x10, 0x100), 0);
	EXPECT_EQ(low_search(0, 0xffff0), 0);          /* it would reach beyond the first MiB */
}
