// SPDX-License-Identifier: MPL-2.0
/**
 * Symbols of the kernel's own text: the reader of the table that tools/ksyms/ksyms.py makes.
 *
 * The table is looked into when something is wrong already, so nothing in it is trusted: counts and offsets are
 * checked against the table's end, and a table that is missing or damaged has no symbols.
 */
#include <debug/debug_impl.h>

enum : u32 { KSYMS_MAGIC = 0x3259534b, KSYMS_FRAMEWORK = 0x8000 };

/**
 * The code from `address` on, up to the next row: of the function that begins `offset` bytes before, and of one source
 * line. Addresses count from the first row's, names from the table's start.
 */
struct ksyms_row { u32 address, name, file; u16 offset, line; };

/** The table, as ksyms.py writes it: rows by ascending address, then NUL-terminated names to the table's end. */
struct ksyms { u32 magic, nrows, anchor, unused; struct ksyms_row rows[]; };

/** The name at `off`; null: none. */
static const char *
table_name(struct cbytes raw, u32 off)
{
	/* SAFETY: off lies in the table, whose last byte is a NUL (symbol_find_in). */
	return off != 0 && off < raw.len && raw.ptr[off] != '\0' ? (const char *)raw.ptr + off : nullptr;
}

/** The last row that is not above `address`; null where none is. */
static const struct ksyms_row *
table_search(const struct ksyms *table, u64 address)
{
	u32 low = 0;

	for (u32 high = table->nrows; low < high;) {
		u32 middle = low + (high - low) / 2;
		/* SAFETY: middle < nrows, and so many rows lie in the table (symbol_find_in). */
		if (table->rows[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low != 0 ? &table->rows[low - 1] : nullptr;
}

bool
symbol_find_in(struct cbytes raw, u64 pc, struct symbol *out)
{
	/* SAFETY: the table is aligned to 8 bytes, and looked into only where the bytes have a whole header. */
	const struct ksyms *table = (const struct ksyms *)raw.ptr;

	*out = (struct symbol){};
	if (raw.len < sizeof(*table) || table->magic != KSYMS_MAGIC || raw.ptr[raw.len - 1] != '\0' ||
	    table->nrows > (raw.len - sizeof(*table)) / sizeof(table->rows[0]))
		return false;
	u64 off = pc - ((u64)&symbol_find - table->anchor);
	const struct ksyms_row *row = table_search(table, off);
	const char *name = row != nullptr ? table_name(raw, row->name) : nullptr;
	if (name == nullptr)   /* the nameless one stands behind the text */
		return false;
	*out = (struct symbol){
		.name = name, .offset = off - row->address + row->offset, .file = table_name(raw, row->file),
		.line = row->line & ~KSYMS_FRAMEWORK, .in_framework = (row->line & KSYMS_FRAMEWORK) != 0,
	};
	return true;
}

bool
symbol_find(u64 pc, struct symbol *out)
{
	return symbol_find_in((struct cbytes){ ksyms_start, (u64)ksyms_end - (u64)ksyms_start }, pc, out);
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
		len = format_text(dst, "{}+{x} ({}:{})", text_of(symbol.name), symbol.offset, text_of(symbol.file),
		                  symbol.line);
	return MIN(len, dst.len);
}

u32
trap_backtrace(const struct kernel_trap *trap, u64 *pcs, u32 max)
{
	u32 n = arch_backtrace(trap->fp, pcs, max);

	/* One past the instruction, so that it reads like the return addresses of the frames above. */
	if (n > 0 && pcs[0] == trap->pc + 1)
		return n;
	pcs[0] = trap->pc + 1;
	return 1 + arch_backtrace(trap->fp, pcs + 1, max - 1);
}
