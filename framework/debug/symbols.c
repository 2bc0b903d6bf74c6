// SPDX-License-Identifier: MPL-2.0
/**
 * Symbols of the kernel's own text: the reader of the table that tools/ksyms/ksyms.py makes.
 *
 * The table is looked into when something is wrong already, so nothing in it is trusted: each read is checked against
 * the table's end, each
 * loop is bounded, and a table that is missing or damaged has no symbols.
 */
#include <arch/string.h>
#include <debug/debug_impl.h>

/* The linked-in table; both null in an image without one (the first link). */
extern const u8 ksyms_start[] __attribute__((weak));
extern const u8 ksyms_end[] __attribute__((weak));

enum : u32 { KSYMS_MAGIC = 0x3159534b, KSYMS_BLOCK_ROWS = 64, KSYMS_NAME_MAX = 256 };

/** The table's header, as ksyms.py writes it: counts, and offsets from the table's start. */
struct ksyms_header {
	u32 magic, nfunctions, nblocks, nfiles;
	u32 functions, blocks, files, rows, names;
	u32 size, anchor, unused;
};

struct ksyms {
	struct ksyms_header head;
	const u8 *start;
	u64 size;
};

/** The u32 at start + 4 * index; 0 beyond the table. */
static u32
table_u32(const struct ksyms *table, u32 start, u32 index)
{
	u64 off = start + 4 * (u64)index;
	u32 value;

	if (range_exceeds(off, sizeof(value), table->size))
		return 0;
	/* SAFETY: [off, off + 4) lies in the table, by the check above. */
	memcpy(&value, table->start + off, sizeof(value));
	return value;
}

/** The byte at *at, which moves on; 0 beyond the table. */
static u8
table_u8(const struct ksyms *table, u64 *at)
{
	u64 off = (*at)++;
	/* SAFETY: off is in the table, by the check in the same expression. */
	return off < table->size ? table->start[off] : 0;
}

static u32
table_varint(const struct ksyms *table, u64 *at)
{
	u64 value = 0;
	for (u32 shift = 0; shift < 35; shift += 7) {
		u8 byte = table_u8(table, at);
		value |= (u64)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			break;
	}
	return (u32)value;
}

/** The string at `start + off`; null where it does not end within the table. */
static const char *
table_name(const struct ksyms *table, u32 off)
{
	u64 at = (u64)table->head.names + off, end = at;

	for (u32 i = 0; i < KSYMS_NAME_MAX && end < table->size; i++)
		if (table_u8(table, &end) == 0)
			/* SAFETY: [at, end) lies in the table and ends with a NUL, as the loop has seen. */
			return (const char *)table->start + at;
	return nullptr;
}

static bool
table_open(struct ksyms *table, struct cbytes raw)
{
	*table = (struct ksyms){ .start = raw.ptr, .size = raw.len };
	if (raw.len < sizeof(table->head))
		return false;
	memcpy(&table->head, raw.ptr, sizeof(table->head));
	return table->head.magic == KSYMS_MAGIC;
}

/** Index of the last of n ascending u32 at `start` that is not above `key`; n where none is. */
static u32
table_search(const struct ksyms *table, u32 start, u32 n, u32 key)
{
	u32 low = 0, high = n;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		if (table_u32(table, start, middle) <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? n : low - 1;
}

/** A row of the line table. */
struct row { u32 address, file, line; };

static u32
unzigzag(u32 value)
{
	return value >> 1 ^ -(value & 1);
}

static struct row
row_next(const struct ksyms *table, struct row row, u64 *at)
{
	u8 head = table_u8(table, at);

	if ((head & 0x80) != 0)
		return (struct row){ row.address + 1 + (head >> 4 & 7), row.file, row.line + (head & 15) - 5 };
	row.address += table_varint(table, at);
	row.line += unzigzag(table_varint(table, at));
	if (head == 1)
		row.file = table_varint(table, at);
	return row;
}

/** The row that covers `key`; false where there is none. */
static bool
row_find(const struct ksyms *table, u32 key, struct row *out)
{
	const struct ksyms_header *head = &table->head;
	u32 block = table_search(table, head->blocks, head->nblocks, key);
	if (block >= head->nblocks)
		return false;

	u64 at = (u64)head->rows + table_u32(table, head->blocks, head->nblocks + block);
	struct row row = { .address = table_u32(table, head->blocks, block) };
	row.file = table_varint(table, &at);
	row.line = table_varint(table, &at);
	*out = row;
	for (u32 i = 1; i < KSYMS_BLOCK_ROWS && at < head->names; i++) {
		row = row_next(table, row, &at);
		if (row.address > key)
			break;
		*out = row;
	}
	return true;
}

bool
symbol_find_in(struct cbytes raw, u64 pc, struct symbol *out)
{
	struct ksyms table;
	struct row row;

	*out = (struct symbol){};
	if (!table_open(&table, raw))
		return false;
	const struct ksyms_header *head = &table.head;
	u64 base = (u64)&symbol_find - head->anchor, off = pc - base;
	u32 n = head->nfunctions, i = off > ~(u32)0 ? n : table_search(&table, head->functions, n, (u32)off);
	const char *name = i < n ? table_name(&table, table_u32(&table, head->functions, n + i)) : nullptr;
	if (name == nullptr || name[0] == '\0')   /* the nameless one stands behind the text */
		return false;
	out->name = name;

	u32 start = table_u32(&table, head->functions, i);
	out->offset = off - start;
	if (row_find(&table, (u32)off, &row) && row.address >= start && row.file < head->nfiles) {
		out->file = table_name(&table, table_u32(&table, head->files, row.file));
		out->line = row.line;
	}
	return true;
}

struct cbytes
symbol_table(void)
{
	return (struct cbytes){ ksyms_start, (u64)ksyms_end - (u64)ksyms_start };
}

bool
symbol_find(u64 pc, struct symbol *out)
{
	return symbol_find_in(symbol_table(), pc, out);
}

bool
symbol_in_framework(const struct symbol *symbol)
{
	static const struct { const char *text; u32 len; } prefixes[] = { { "framework/", 10 }, { "tests/unit/", 11 }, { "/", 1 } };
	struct cbytes file = text_of(symbol->file);

	for (u32 i = 0; i < COUNTOF(prefixes); i++)
		if (file.len >= prefixes[i].len && memcmp(file.ptr, prefixes[i].text, prefixes[i].len) == 0)
			return true;
	return false;
}

struct cbytes
text_of(const char *string)
{
	size_t len = 0;
	while (string != nullptr && string[len] != '\0')
		len++;
	return (struct cbytes){ (const u8 *)string, len };
}

size_t
symbol_print(struct bytes dst, u64 return_pc)
{
	struct symbol symbol;
	size_t len;

	if (!symbol_find(return_pc - 1, &symbol))
		len = format_text(dst, "{x}", return_pc);
	else if (symbol.file == nullptr)
		len = format_text(dst, "{}+{x}", text_of(symbol.name), symbol.offset);
	else
		len = format_text(dst, "{}+{x} ({}:{})", text_of(symbol.name), symbol.offset, text_of(symbol.file), symbol.line);
	return MIN(len, dst.len);
}

void
backtrace_print(enum log_level level, const u64 *pcs, u32 n)
{
	u8 text[256];

	for (u32 i = 0; i < n; i++) {
		size_t len = symbol_print((struct bytes){ text, sizeof(text) }, pcs[i]);
		struct cbytes line = { text, len };
		log_print(level, TEXT("  {}"), LOG_ARRAY_(line), 1);
	}
}
