// SPDX-License-Identifier: MPL-2.0
/**
 * libFuzzer entry for the ACPI parser. The first input byte chooses how the rest becomes physical memory:
 * even, the rest is memory from address 0 on, with the root pointer where the search finds it or in the middle; odd, it is a list of tables (kind,
 * length, body), each of which gets a good header and checksum and an entry of the root table, so that mutations reach the parsers behind those.
 *
 * clang -fsanitize=fuzzer,address,undefined -std=gnu23 -Iframework/include -Iframework tests/fuzz/acpi_fuzz.c framework/boot/acpi.c
 */
#include <boot/acpi.h>
#include <arch/string.h>

struct fuzz_memory {
	struct acpi_reader reader;
	const u8 *data;
	size_t len;
	u64 base;             /* physical address of data[0] */
};

static const u8 *
fuzz_map(const struct acpi_reader *reader, u64 pa, u64 len)
{
	const struct fuzz_memory *memory = (const struct fuzz_memory *)reader;
	return pa < memory->base || range_exceeds(pa - memory->base, len, memory->len) ? nullptr : memory->data + (pa - memory->base);
}

#define CHECK(condition) ((condition) ? (void)0 : __builtin_trap())

/** What acpi.h promises of a result. */
static void
check(const struct acpi_info *info)
{
	CHECK(info->ncpus <= CPU_MAX && info->nioapics <= ACPI_IOAPICS_MAX && info->nsegments <= ACPI_SEGMENTS_MAX);
	CHECK(info->npm_ports <= ACPI_PM_BLOCKS && info->s5_a <= 7 && info->s5_b <= 7);
	for (u32 i = 0; i < info->ncpus; i++)
		for (u32 j = 0; j < i; j++)
			CHECK(info->cpus[i] != info->cpus[j]);
	for (u32 i = 0; i < ACPI_ISA_IRQS; i++)
		CHECK(info->isa_irqs[i].gsi < ACPI_GSI_MAX);
	for (u32 i = 0; i < info->nioapics; i++)
		CHECK(info->ioapics[i].gsi_base < ACPI_GSI_MAX && info->ioapics[i].pa != 0);
	for (u32 i = 0; i < info->nsegments; i++)
		CHECK(info->segments[i].start < info->segments[i].end && info->segments[i].bus_first <= info->segments[i].bus_last);
	for (u32 i = 0; i < info->npm_ports; i++)
		CHECK(info->pm_ports[i].start < info->pm_ports[i].end && info->pm_ports[i].end <= 0x10000);
	const struct acpi_register *regs[] = { &info->pm_timer, &info->pm1a_control, &info->pm1b_control, &info->sleep_control, &info->reset };
	for (u32 i = 0; i < COUNTOF(regs); i++)
		CHECK(!regs[i]->in_ports || regs[i]->address + regs[i]->width <= 0x10000);
}

enum : u32 { MEMORY_LEN = 0x100000, XSDT_AT = 0x100, TABLES_AT = 0x2000 };
static u8 memory[MEMORY_LEN];

static void
put(u64 at, u64 value, u32 size)
{
	for (u32 i = 0; i < size; i++)
		memory[at + i] = (u8)(value >> (8 * i));
}

/** Makes [at, at + len) sum to 0 by its byte at `at + sum`. */
static void
seal(u64 at, u32 len, u32 sum)
{
	u8 total = 0;
	memory[at + sum] = 0;
	for (u32 i = 0; i < len; i++)
		total += memory[at + i];
	memory[at + sum] = (u8)-total;
}

/** Lays out tables from records of kind, length (2 bytes), body; returns the length of memory used. */
static u32
lay_out(const u8 *data, size_t size)
{
	static const char signatures[][5] = { "APIC", "MCFG", "HPET", "FACP", "DSDT", "XSDT", "RSDT" };
	u32 at = TABLES_AT, n = 0;
	u64 dsdt = 0;
	memset(memory, 0, TABLES_AT);
	for (size_t i = 0; size - i >= 3 && n < 64;) {
		u32 kind = data[i] % COUNTOF(signatures), len = MIN((u32)(data[i + 1] | data[i + 2] << 8), (u32)(size - i - 3));
		if (at + 36 + len + 256 > MEMORY_LEN)
			break;
		memcpy(memory + at, signatures[kind], 4);
		put(at + 4, 36 + len, 4);
		memcpy(memory + at + 36, data + i + 3, len);
		if (kind == 4)
			dsdt = at;
		if (kind == 3 && len >= 112 && dsdt != 0)
			put(at + 140, PAGE_SIZE + dsdt, 8);
		seal(at, 36 + len, 9);
		put(XSDT_AT + 36 + 8 * n++, PAGE_SIZE + at, 8);
		at += 36 + len;
		i += 3 + len;
	}
	memcpy(memory + XSDT_AT, "XSDT", 4);
	put(XSDT_AT + 4, 36 + 8 * n, 4);
	seal(XSDT_AT, 36 + 8 * n, 9);
	memcpy(memory, "RSD PTR ", 8);
	memory[15] = 2;
	put(24, PAGE_SIZE + XSDT_AT, 8);
	seal(0, 20, 8);
	seal(0, 36, 32);
	return at;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 2)
		return 0;
	struct fuzz_memory source = { { fuzz_map }, data + 1, size - 1, 0 };
	struct acpi_info info;
	u64 rsdp = PAGE_SIZE;
	if (data[0] & 1) {
		source.len = lay_out(data + 1, size - 1);
		/* The parser takes address 0 for "no root pointer": let this memory begin at 4096. */
		source.data = memory;
		source.base = PAGE_SIZE;
	} else {
		rsdp = acpi_rsdp_search(&source.reader);
	}
	acpi_parse(&source.reader, rsdp != 0 ? rsdp : align_down((size - 1) / 2, 64), &info);
	check(&info);
	return 0;
}
