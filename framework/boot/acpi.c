// SPDX-License-Identifier: MPL-2.0
/**
 * Reads ACPI tables that nobody vouches for. Work is bounded: at most ROOT_ENTRIES_MAX tables are looked at, each kind is taken once, no
 * table is longer than TABLE_MAX, and no table refers to another but by the two steps root pointer → root table → table (→ DSDT).
 */
#include <boot/acpi.h>
#include <arch/string.h>

enum : u32 {
	TABLE_MAX = 4u << 20,        /* DSDTs of large servers are below 1 MiB */
	ROOT_ENTRIES_MAX = 256,
	HEADER_LEN = 36,
	RSDP_LEN = 20, RSDP2_LEN = 36,
	CHUNK = 256,
};

/* A table whose header and checksum were found good. */
struct table {
	const struct acpi_reader *reader;
	u64 pa;
	u32 len;
};

/** Little-endian fields at any offset; 0 beyond the table's end, which the specification gives fields of older, shorter tables as well. */
static u64
table_field(const struct table *table, u64 off, u32 size)
{
	u8 raw[8] = { };
	if (size > sizeof(raw) || range_exceeds(off, size, table->len) || !table->reader->read(table->reader, table->pa + off, raw, size))
		return 0;
	u64 value = 0;
	for (u32 i = 0; i < size; i++)
		value |= (u64)raw[i] << (8 * i);
	return value;
}

static u8 field8(const struct table *table, u64 off) { return (u8)table_field(table, off, 1); }
static u16 field16(const struct table *table, u64 off) { return (u16)table_field(table, off, 2); }
static u32 field32(const struct table *table, u64 off) { return (u32)table_field(table, off, 4); }
static u64 field64(const struct table *table, u64 off) { return table_field(table, off, 8); }

/** Whether the bytes sum to 0 and are all there. */
static bool
checksum_ok(const struct acpi_reader *reader, u64 pa, u32 len)
{
	u8 chunk[CHUNK], sum = 0;
	for (u32 off = 0; off < len; off += CHUNK) {
		u32 part = MIN(len - off, (u32)CHUNK);
		if (!reader->read(reader, pa + off, chunk, part))
			return false;
		for (u32 i = 0; i < part; i++)
			sum += chunk[i];
	}
	return sum == 0;
}

/** Opens the table at `pa` where it has this signature and everything about it is in order. */
static bool
table_open(const struct acpi_reader *reader, u64 pa, const char *signature, struct table *out)
{
	*out = (struct table){ reader, pa, HEADER_LEN };
	char found[4];
	if (pa == 0 || range_exceeds(pa, TABLE_MAX, ~(u64)0) || !reader->read(reader, pa, found, sizeof(found)) || memcmp(found, signature, 4) != 0)
		return false;
	out->len = field32(out, 4);
	return out->len >= HEADER_LEN && out->len <= TABLE_MAX && checksum_ok(reader, pa, out->len);
}

static bool
rsdp_at(const struct acpi_reader *reader, u64 pa)
{
	char found[8];
	return reader->read(reader, pa, found, sizeof(found)) && memcmp(found, "RSD PTR ", 8) == 0 && checksum_ok(reader, pa, RSDP_LEN);
}

static u64
rsdp_search_range(const struct acpi_reader *reader, u64 start, u64 end)
{
	for (u64 pa = start; pa + RSDP_LEN <= end; pa += 16)
		if (rsdp_at(reader, pa))
			return pa;
	return 0;
}

u64
acpi_rsdp_search(const struct acpi_reader *reader)
{
	u8 segment[2];
	if (reader->read(reader, 0x40e, segment, sizeof(segment))) {
		u64 ebda = ((u64)segment[1] << 8 | segment[0]) << 4;
		u64 found = ebda >= 0x400 && ebda < 0xa0000 ? rsdp_search_range(reader, ebda, MIN(ebda + 1024, (u64)0xa0000)) : 0;
		if (found != 0)
			return found;
	}
	return rsdp_search_range(reader, 0xe0000, 0x100000);
}

/** The root table: its entries are `*size` bytes wide. The newer XSDT first. */
static bool
root_open(const struct acpi_reader *reader, u64 rsdp, struct table *root, u32 *size)
{
	if (rsdp == 0 || range_exceeds(rsdp, TABLE_MAX, ~(u64)0) || !rsdp_at(reader, rsdp))
		return false;
	struct table pointer = { reader, rsdp, RSDP2_LEN };
	*size = 8;
	if (field8(&pointer, 15) >= 2 && checksum_ok(reader, rsdp, RSDP2_LEN) && table_open(reader, field64(&pointer, 24), "XSDT", root))
		return true;
	*size = 4;
	return table_open(reader, field32(&pointer, 16), "RSDT", root);
}

/** The first good table with this signature that the root names. */
static bool
table_find(const struct table *root, u32 size, const char *signature, struct table *out)
{
	u32 n = MIN((root->len - HEADER_LEN) / size, (u32)ROOT_ENTRIES_MAX);
	for (u32 i = 0; i < n; i++)
		if (table_open(root->reader, table_field(root, HEADER_LEN + i * size, size), signature, out))
			return true;
	return false;
}

/* --- MADT --- */

static void
madt_cpu(struct acpi_info *info, u32 apic_id, u32 uid, u32 flags)
{
	if ((flags & 1) == 0 || apic_id == ~(u32)0)
		return;   /* not enabled: at most it could be plugged in one day */
	for (u32 i = 0; i < info->ncpus; i++)
		if (info->cpus[i].apic_id == apic_id)
			return;
	if (info->ncpus == CPU_MAX)
		info->ncpus_left_out++;
	else
		info->cpus[info->ncpus++] = (struct acpi_cpu){ apic_id, uid };
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
madt_nmi(struct acpi_info *info, u32 uid, u32 flags, u32 lint)
{
	if (lint <= 1 && info->nnmis < ACPI_NMIS_MAX)
		info->nmis[info->nnmis++] = (struct acpi_nmi){ uid, (u8)lint, (flags & 3) == 3 };
}

/** One entry, wholly inside the table, of at least the length its kind has. */
static void
madt_entry(struct acpi_info *info, const struct table *madt, u64 at, u32 kind)
{
	switch (kind) {
	case 0:
		madt_cpu(info, field8(madt, at + 3) == 0xff ? ~(u32)0 : field8(madt, at + 3), field8(madt, at + 2), field32(madt, at + 4));
		break;
	case 1: madt_ioapic(info, field32(madt, at + 4), field32(madt, at + 8)); break;
	case 2: madt_override(info, field8(madt, at + 3), field32(madt, at + 4), field16(madt, at + 8)); break;
	case 4:
		madt_nmi(info, field8(madt, at + 2) == 0xff ? ACPI_NMI_ALL_CPUS : field8(madt, at + 2), field16(madt, at + 3), field8(madt, at + 5));
		break;
	case 5: info->lapic_pa = field64(madt, at + 4); break;
	case 9: madt_cpu(info, field32(madt, at + 4), field32(madt, at + 12), field32(madt, at + 8)); break;
	case 10: madt_nmi(info, field32(madt, at + 4), field16(madt, at + 2), field8(madt, at + 8)); break;
	default: break;
	}
}

static void
madt_parse(const struct table *madt, struct acpi_info *info)
{
	static const u8 length[] = { [0] = 8, [1] = 12, [2] = 10, [4] = 6, [5] = 12, [9] = 16, [10] = 12 };
	info->has_madt = true;
	info->lapic_pa = field32(madt, 36);
	for (u64 at = 44; !range_exceeds(at, 2, madt->len);) {
		u32 kind = field8(madt, at), len = field8(madt, at + 1);
		if (len < 2 || range_exceeds(at, len, madt->len))
			break;
		if (kind < COUNTOF(length) && len >= length[kind])
			madt_entry(info, madt, at, kind);
		at += len;
	}
}

/* --- MCFG, HPET --- */

static void
mcfg_parse(const struct table *mcfg, struct acpi_info *info)
{
	for (u64 at = 44; !range_exceeds(at, 16, mcfg->len) && info->nsegments < ACPI_SEGMENTS_MAX; at += 16) {
		u64 base = field64(mcfg, at);
		u32 first = field8(mcfg, at + 10), last = field8(mcfg, at + 11);
		if (base == 0 || base % PAGE_SIZE != 0 || last < first || range_exceeds(base, 256u << 20, ~(u64)0))
			continue;
		/* `base` is bus 0's, though the window begins at bus `first`. A megabyte a bus. */
		info->segments[info->nsegments++] = (struct acpi_segment){
			base + ((u64)first << 20), base + (((u64)last + 1) << 20), field16(mcfg, at + 8), (u8)first, (u8)last,
		};
	}
}

/** A generic address structure; `width` bytes where it has no sensible width of its own. */
static struct acpi_register
register_read(const struct table *table, u64 off, u8 width)
{
	u32 space = field8(table, off), bits = field8(table, off + 1);
	struct acpi_register reg = { field64(table, off + 4), space == 1, bits == 8 || bits == 16 || bits == 32 ? (u8)(bits / 8) : width };
	bool fits = space == 1 ? !range_exceeds(reg.address, reg.width, 0x10000) : !range_exceeds(reg.address, reg.width, (u64)1 << 52);
	if (space > 1 || reg.address == 0 || reg.address % reg.width != 0 || !fits)
		return (struct acpi_register){ };
	return reg;
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
	u32 port = field32(fadt, old);
	if (reg.width == 0 && port != 0 && !range_exceeds(port, width, 0x10000))
		reg = (struct acpi_register){ port, true, width };
	return reg;
}

/** A constant of AML: ZeroOp, OneOp or BytePrefix; moves past it. */
static bool
aml_small_constant(const u8 *aml, u32 len, u32 *at, u8 *out)
{
	if (*at >= len)
		return false;
	u8 op = aml[(*at)++];
	if (op == 0x00 || op == 0x01)
		*out = op;
	else if (op == 0x0a && *at < len)
		*out = aml[(*at)++];
	else
		return false;
	return *out <= 7;
}

/** `aml` begins behind the name _S5_: a package of small constants, of which machines without a second control register may have but one. */
static void
s5_parse(const u8 *aml, u32 len, struct acpi_info *info)
{
	u8 a = 0, b = 0;
	if (len < 3 || aml[0] != 0x12)   /* PackageOp */
		return;
	u32 at = 1 + (1 + (aml[1] >> 6)) + 1;   /* the package's length (1 to 4 bytes) and number of elements */
	u32 n = at > len ? 0 : aml[at - 1];
	if (n > 0 && aml_small_constant(aml, len, &at, &a) && (n == 1 || aml_small_constant(aml, len, &at, &b))) {
		info->s5_a = a;
		info->s5_b = b;
		info->has_s5 = true;
	}
}

/** Looks for `Name(_S5_, Package…` byte by byte: AML needs an interpreter to be understood, but this name has one form in practice. */
static void
dsdt_parse(const struct table *dsdt, struct acpi_info *info)
{
	enum : u32 { WINDOW = 32 };   /* a name and the longest package head that s5_parse looks at fit */
	u8 chunk[CHUNK + WINDOW];
	for (u32 off = HEADER_LEN; off < dsdt->len && !info->has_s5; off += CHUNK) {
		u32 len = MIN(dsdt->len - off, (u32)sizeof(chunk));
		if (!dsdt->reader->read(dsdt->reader, dsdt->pa + off, chunk, len))
			return;
		for (u32 i = 0; i < CHUNK && i + 5 <= len && !info->has_s5; i++)
			/* NameOp, or the root prefix behind a NameOp, comes just before the name. */
			if ((chunk[i] == 0x08 || chunk[i] == '\\') && memcmp(&chunk[i + 1], "_S5_", 4) == 0)
				s5_parse(&chunk[i + 5], len - i - 5, info);
	}
}

/** Where the port blocks of the old power-management registers are: what no driver may have. */
static void
fadt_pm_ports(const struct table *fadt, struct acpi_info *info)
{
	static const struct { u8 port, len; } blocks[ACPI_PM_BLOCKS] = {
		{ 56, 88 }, { 60, 88 }, { 64, 89 }, { 68, 89 }, { 72, 90 }, { 76, 91 }, { 80, 92 }, { 84, 93 },
	};
	for (u32 i = 0; i < ACPI_PM_BLOCKS; i++) {
		u32 port = field32(fadt, blocks[i].port), len = field8(fadt, blocks[i].len);
		if (port != 0 && len != 0 && !range_exceeds(port, len, 0x10000))
			info->pm_ports[info->npm_ports++] = (struct acpi_ports){ port, port + len };
	}
}

static void
fadt_parse(const struct table *fadt, struct acpi_info *info)
{
	u32 flags = field32(fadt, 112);
	info->sleep_control = register_read(fadt, 244, 1);
	if ((flags & 1u << 10) != 0)
		info->reset = register_read(fadt, 116, 1);
	info->reset_value = field8(fadt, 128);
	info->pm_timer = fadt_register(fadt, 208, 76, 4);   /* some hardware-reduced machines have this one all the same */
	info->pm_timer_32bit = (flags & 1u << 8) != 0;
	if ((flags & 1u << 20) == 0) {   /* not hardware-reduced: the fixed registers exist */
		info->pm1a_control = fadt_register(fadt, 172, 64, 2);
		info->pm1b_control = fadt_register(fadt, 184, 68, 2);
		info->smi_command = field32(fadt, 48) < 0x10000 ? field16(fadt, 48) : 0;
		info->acpi_enable = field8(fadt, 52);
		fadt_pm_ports(fadt, info);
	}
	struct table dsdt;
	if (table_open(fadt->reader, field64(fadt, 140), "DSDT", &dsdt) || table_open(fadt->reader, field32(fadt, 40), "DSDT", &dsdt))
		dsdt_parse(&dsdt, info);
}

bool
acpi_parse(const struct acpi_reader *reader, u64 rsdp, struct acpi_info *out)
{
	*out = (struct acpi_info){ };
	for (u32 i = 0; i < ACPI_ISA_IRQS; i++)
		out->isa_irqs[i].gsi = i;
	struct table root, table;
	u32 size;
	if (!root_open(reader, rsdp, &root, &size))
		return false;
	if (table_find(&root, size, "APIC", &table))
		madt_parse(&table, out);
	if (table_find(&root, size, "MCFG", &table))
		mcfg_parse(&table, out);
	if (table_find(&root, size, "HPET", &table))
		hpet_parse(&table, out);
	if (table_find(&root, size, "FACP", &table))
		fadt_parse(&table, out);
	return true;
}
