// SPDX-License-Identifier: MPL-2.0
/**
 * Reads ACPI tables that nobody vouches for. Work is bounded: at most ROOT_ENTRIES_MAX tables are looked at, each kind is taken once, no
 * table is longer than TABLE_MAX, and no table refers to another but by the two steps root pointer → root table → table (→ DSDT).
 */
#include <boot/acpi.h>
#include <arch/string.h>

enum : u32 {
	TABLE_MAX = 2u << 20,        /* DSDTs of large servers are below 1 MiB */
	ROOT_ENTRIES_MAX = 256,
	HEADER_LEN = 36, RSDP_LEN = 20, RSDP2_LEN = 36,
};

/* Bytes of a table: those of its header, or, once its checksum was found good, all. */
struct table { const struct acpi_reader *reader; const u8 *bytes; u32 len; };

/** Little-endian fields at any offset; 0 beyond the table's end, which the specification gives fields of older, shorter tables as well. */
static u64
field(const struct table *table, u64 off, u32 size)
{
	u64 value = 0;
	/* SAFETY: `bytes` has `len` bytes (acpi_reader.map), and all of the field lies below that. */
	for (u32 i = 0; i < size && !range_exceeds(off, size, table->len); i++)
		value |= (u64)table->bytes[off + i] << (8 * i);
	return value;
}

/** Whether there are `len` bytes, which sum to 0. */
static bool
checksum_ok(const u8 *bytes, u32 len)
{
	u8 sum = 0;
	for (u32 i = 0; bytes != nullptr && i < len; i++)
		sum += bytes[i];
	return bytes != nullptr && sum == 0;
}

/** Opens the table at `pa` where it has this signature and everything about it is in order. */
static bool
table_open(const struct acpi_reader *reader, u64 pa, const char *signature, struct table *out)
{
	*out = (struct table){ reader, pa == 0 ? nullptr : reader->map(reader, pa, HEADER_LEN), HEADER_LEN };
	if (out->bytes == nullptr || memcmp(out->bytes, signature, 4) != 0)
		return false;
	out->len = field(out, 4, 4);
	if (out->len < HEADER_LEN || out->len > TABLE_MAX)
		return false;
	out->bytes = reader->map(reader, pa, out->len);
	return checksum_ok(out->bytes, out->len);
}

/** Looks for the root pointer in the `len` bytes at `start`. => 0: none. */
static u64
rsdp_search_range(const struct acpi_reader *reader, u64 start, u32 len)
{
	const u8 *bytes = reader->map(reader, start, len);
	/* SAFETY: there are `len` bytes, and RSDP_LEN of them are left at `off`. */
	for (u32 off = 0; bytes != nullptr && off + RSDP_LEN <= len; off += 16)
		if (memcmp(bytes + off, "RSD PTR ", 8) == 0 && checksum_ok(bytes + off, RSDP_LEN))
			return start + off;
	return 0;
}

u64
acpi_rsdp_search(const struct acpi_reader *reader)
{
	const u8 *segment = reader->map(reader, 0x40e, 2);
	u32 ebda = segment == nullptr ? 0 : (u32)(segment[1] << 8 | segment[0]) << 4;
	u64 found = ebda >= 0x400 && ebda < 0xa0000 ? rsdp_search_range(reader, ebda, MIN(1024u, 0xa0000 - ebda)) : 0;
	return found != 0 ? found : rsdp_search_range(reader, 0xe0000, 0x20000);
}

/** The root table: its entries are `*size` bytes wide. The newer XSDT first. */
static bool
root_open(const struct acpi_reader *reader, u64 rsdp, struct table *root, u32 *size)
{
	if (rsdp == 0 || rsdp_search_range(reader, rsdp, RSDP_LEN) == 0)
		return false;
	const struct table old = { reader, reader->map(reader, rsdp, RSDP_LEN), RSDP_LEN };
	const struct table new = { reader, field(&old, 15, 1) < 2 ? nullptr : reader->map(reader, rsdp, RSDP2_LEN), RSDP2_LEN };
	*size = 8;
	if (checksum_ok(new.bytes, RSDP2_LEN) && table_open(reader, field(&new, 24, 8), "XSDT", root))
		return true;
	*size = 4;
	return table_open(reader, field(&old, 16, 4), "RSDT", root);
}

/* --- MADT --- */

static void
madt_cpu(struct acpi_info *info, u32 apic_id, u32 broadcast, u32 flags)
{
	if ((flags & 1) == 0 || apic_id == broadcast)
		return;   /* not enabled: at most it could be plugged in one day */
	for (u32 i = 0; i < info->ncpus; i++)
		if (info->cpus[i] == apic_id)
			return;
	if (info->ncpus == CPU_MAX)
		info->ncpus_left_out++;
	else
		info->cpus[info->ncpus++] = apic_id;
}

static void
madt_ioapic(struct acpi_info *info, u64 pa, u32 gsi_base)
{
	if (pa == 0 || pa % 16 != 0 || gsi_base >= ACPI_GSI_MAX || info->nioapics == ACPI_IOAPICS_MAX)
		return;
	for (u32 i = 0; i < info->nioapics; i++)
		if (align_down(info->ioapics[i].pa, PAGE_SIZE) == align_down(pa, PAGE_SIZE) || info->ioapics[i].gsi_base == gsi_base)
			return;
	info->ioapics[info->nioapics++] = (struct acpi_ioapic){ pa, gsi_base };
}

/** MPS INTI flags: polarity in bits 0-1, trigger in 2-3; 3 is "low" and "level", all else the bus' default: high, edge. */
static void
madt_override(struct acpi_info *info, u32 irq, u32 gsi, u32 flags)
{
	if (irq < ACPI_ISA_IRQS && gsi < ACPI_GSI_MAX)
		info->isa_irqs[irq] = (struct acpi_isa_irq){ gsi, (flags >> 2 & 3) == 3, (flags & 3) == 3 };
}

static void
madt_nmi(struct acpi_info *info, u32 lint, u32 flags)
{
	if (lint < COUNTOF(info->lints))
		info->lints[lint] = (struct acpi_lint){ true, (flags & 3) == 3 };
}

/** One entry, wholly inside the table, of at least the length its kind has. */
static void
madt_entry(struct acpi_info *info, const struct table *madt, u64 at, u32 kind)
{
	switch (kind) {
	case 0: madt_cpu(info, field(madt, at + 3, 1), 0xff, field(madt, at + 4, 4)); break;
	case 1: madt_ioapic(info, field(madt, at + 4, 4), field(madt, at + 8, 4)); break;
	case 2: madt_override(info, field(madt, at + 3, 1), field(madt, at + 4, 4), field(madt, at + 8, 2)); break;
	case 4: madt_nmi(info, field(madt, at + 5, 1), field(madt, at + 3, 2)); break;
	case 9: madt_cpu(info, field(madt, at + 4, 4), ~(u32)0, field(madt, at + 8, 4)); break;
	case 10: madt_nmi(info, field(madt, at + 8, 1), field(madt, at + 2, 2)); break;
	}
}

static void
madt_parse(const struct table *madt, struct acpi_info *info)
{
	static const u8 length[] = { [0] = 8, [1] = 12, [2] = 10, [4] = 6, [9] = 16, [10] = 12 };
	info->has_madt = true;
	for (u64 at = 44, len; !range_exceeds(at, 2, madt->len); at += len) {
		u32 kind = field(madt, at, 1);
		len = field(madt, at + 1, 1);
		if (len < 2 || range_exceeds(at, len, madt->len))
			break;
		if (kind < COUNTOF(length) && len >= length[kind])
			madt_entry(info, madt, at, kind);
	}
}

/* --- MCFG, HPET --- */

static void
mcfg_parse(const struct table *mcfg, struct acpi_info *info)
{
	for (u64 at = 44; !range_exceeds(at, 16, mcfg->len) && info->nsegments < ACPI_SEGMENTS_MAX; at += 16) {
		u64 base = field(mcfg, at, 8), first = field(mcfg, at + 10, 1), last = field(mcfg, at + 11, 1);
		if (base == 0 || base % PAGE_SIZE != 0 || last < first || range_exceeds(base, 256u << 20, ~(u64)0))
			continue;
		/* `base` is bus 0's, though the window begins at bus `first`. A megabyte a bus. */
		info->segments[info->nsegments++] = (struct acpi_segment){
			base + (first << 20), base + ((last + 1) << 20), field(mcfg, at + 8, 2), first, last,
		};
	}
}

/** A generic address structure; `width` bytes where it has no sensible width of its own. */
static struct acpi_register
register_read(const struct table *table, u64 off, u8 width)
{
	u32 space = field(table, off, 1), bits = field(table, off + 1, 1);
	struct acpi_register reg = { field(table, off + 4, 8), space == 1, bits == 8 || bits == 16 || bits == 32 ? (u8)(bits / 8) : width };
	bool fits = !range_exceeds(reg.address, reg.width, space == 1 ? 0x10000 : (u64)1 << 52);
	return space > 1 || reg.address == 0 || reg.address % reg.width != 0 || !fits ? (struct acpi_register){ } : reg;
}

static void
hpet_parse(const struct table *hpet, struct acpi_info *info)
{
	struct acpi_register reg = register_read(hpet, 40, 4);
	if (reg.width != 0 && !reg.in_ports && reg.address % 1024 == 0)
		info->hpet_pa = reg.address;
}

/* --- FADT and DSDT --- */

/** An extended register where there is a good one, else the old port at `old`. */
static struct acpi_register
fadt_register(const struct table *fadt, u64 extended, u64 old, u8 width)
{
	struct acpi_register reg = register_read(fadt, extended, width);
	u32 port = field(fadt, old, 4);
	bool replaced = reg.width == 0 && port != 0 && !range_exceeds(port, width, 0x10000);
	return replaced ? (struct acpi_register){ port, true, width } : reg;
}

/** A constant of AML at `*at`: ZeroOp, OneOp or BytePrefix and a byte; moves past it. => above 7: none that can be meant. */
static u32
aml_small_constant(const struct table *aml, u64 *at)
{
	u32 op = *at < aml->len ? field(aml, (*at)++, 1) : 0xff;
	return op <= 1 ? op : op == 0x0a && *at < aml->len ? field(aml, (*at)++, 1) : 0xff;
}

/** At `at`, behind the name _S5_: a package of small constants, of which machines without a second control register may have but one. */
static void
s5_parse(const struct table *aml, u64 at, struct acpi_info *info)
{
	if (field(aml, at, 1) != 0x12)   /* PackageOp */
		return;
	at += 2 + (field(aml, at + 1, 1) >> 6);   /* the package's length has 1 to 4 bytes, of which the first says how many more */
	u32 n = field(aml, at++, 1), a = aml_small_constant(aml, &at), b = n > 1 ? aml_small_constant(aml, &at) : 0;
	info->has_s5 = n > 0 && a <= 7 && b <= 7;
	info->s5_a = info->has_s5 ? a : 0;
	info->s5_b = info->has_s5 ? b : 0;
}

/** Looks for `Name(_S5_, Package…` byte by byte: AML needs an interpreter to be understood, but this name has one form in practice. */
static void
dsdt_parse(const struct table *dsdt, struct acpi_info *info)
{
	for (u32 at = HEADER_LEN; at + 5 <= dsdt->len && !info->has_s5; at++)
		/* NameOp, or the root prefix behind a NameOp, comes just before the name. SAFETY: 5 bytes are left. */
		if ((dsdt->bytes[at] == 0x08 || dsdt->bytes[at] == '\\') && memcmp(dsdt->bytes + at + 1, "_S5_", 4) == 0)
			s5_parse(dsdt, at + 5, info);
}

/** Where the port blocks of the old power-management registers are: what no driver may have. */
static void
fadt_pm_ports(const struct table *fadt, struct acpi_info *info)
{
	static const struct { u8 port, len; } blocks[ACPI_PM_BLOCKS] = {
		{ 56, 88 }, { 60, 88 }, { 64, 89 }, { 68, 89 }, { 72, 90 }, { 76, 91 }, { 80, 92 }, { 84, 93 },
	};
	for (u32 i = 0; i < ACPI_PM_BLOCKS; i++) {
		u32 port = field(fadt, blocks[i].port, 4), len = field(fadt, blocks[i].len, 1);
		if (port != 0 && len != 0 && !range_exceeds(port, len, 0x10000))
			info->pm_ports[info->npm_ports++] = (struct acpi_ports){ port, port + len };
	}
}

static void
fadt_parse(const struct table *fadt, struct acpi_info *info)
{
	u32 flags = field(fadt, 112, 4);
	info->sleep_control = register_read(fadt, 244, 1);
	if ((flags & 1u << 10) != 0)
		info->reset = register_read(fadt, 116, 1);
	info->reset_value = field(fadt, 128, 1);
	info->pm_timer = fadt_register(fadt, 208, 76, 4);   /* some hardware-reduced machines have this one all the same */
	info->pm_timer_32bit = (flags & 1u << 8) != 0;
	if ((flags & 1u << 20) == 0) {   /* not hardware-reduced: the fixed registers exist */
		info->pm1a_control = fadt_register(fadt, 172, 64, 2);
		info->pm1b_control = fadt_register(fadt, 184, 68, 2);
		info->smi_command = field(fadt, 48, 4) < 0x10000 ? field(fadt, 48, 2) : 0;
		info->acpi_enable = field(fadt, 52, 1);
		fadt_pm_ports(fadt, info);
	}
	struct table dsdt;
	if (table_open(fadt->reader, field(fadt, 140, 8), "DSDT", &dsdt) || table_open(fadt->reader, field(fadt, 40, 4), "DSDT", &dsdt))
		dsdt_parse(&dsdt, info);
}

bool
acpi_parse(const struct acpi_reader *reader, u64 rsdp, struct acpi_info *out)
{
	*out = (struct acpi_info){ };
	for (u32 i = 0; i < ACPI_ISA_IRQS; i++)
		out->isa_irqs[i].gsi = i;
	static const struct { char signature[5]; void (*parse)(const struct table *, struct acpi_info *); } kinds[] = {
		{ "APIC", madt_parse }, { "MCFG", mcfg_parse }, { "HPET", hpet_parse }, { "FACP", fadt_parse },
	};
	struct table root, table;
	u32 size;
	if (!root_open(reader, rsdp, &root, &size))
		return false;
	u32 n = MIN((root.len - HEADER_LEN) / size, (u32)ROOT_ENTRIES_MAX);
	for (u32 kind = 0; kind < COUNTOF(kinds); kind++) {
		bool found = false;   /* of each kind the first that is good */
		for (u32 i = 0; i < n && !found; i++)
			found = table_open(reader, field(&root, HEADER_LEN + i * size, size), kinds[kind].signature, &table);
		if (found)
			kinds[kind].parse(&table, out);
	}
	return true;
}
