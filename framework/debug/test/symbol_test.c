// SPDX-License-Identifier: MPL-2.0
// Symbols: known functions are found, nonsense is not. An image without a table skips.
#include <arch/string.h>
#include <debug/debug_impl.h>
#include <test.h>

static bool
name_is(const char *name, struct cbytes text)
{
	return cbytes_equal(text_of(name), text);
}

/** Whether this image has a table at all. */
static bool
table_here(void)
{
	struct symbol symbol;

	if (symbol_find((u64)&log_print, &symbol))
		return true;
	test_skip("the image has no symbol table");
	return false;
}

TEST(a_function_is_found_with_offset_file_and_line)
{
	struct symbol symbol;

	if (!table_here())
		return;
	EXPECT(symbol_find((u64)&log_print + 1, &symbol));
	EXPECT(name_is(symbol.name, TEXT("log_print")));
	EXPECT_EQ(symbol.offset, 1);
	EXPECT(name_is(symbol.file, TEXT("framework/debug/log.c")));
	EXPECT(symbol.line > 50 && symbol.line < 500);
	EXPECT(symbol.in_framework);
}

TEST(the_line_of_a_call_is_this_line)
{
	u64 pcs[1];
	struct symbol symbol;

	if (!table_here())
		return;
	EXPECT_EQ(arch_backtrace((u64)__builtin_frame_address(0), pcs, 1), 1);
	u32 here = ({ arch_backtrace(0, pcs, 1); __LINE__; });
	EXPECT(symbol_find(pcs[0] - 1, &symbol));
	EXPECT(name_is(symbol.file, TEXT("framework/debug/test/symbol_test.c")) || symbol.line != here);
}

TEST(an_address_that_is_no_text_has_no_symbol)
{
	struct symbol symbol;
	u32 local = 0;

	EXPECT(!symbol_find(0, &symbol));
	EXPECT(!symbol_find(~(u64)0, &symbol));
	EXPECT(!symbol_find((u64)&local, &symbol));
	EXPECT(symbol.name == nullptr && symbol.file == nullptr);
	EXPECT(!symbol.in_framework);
}

TEST(each_address_of_the_text_can_be_asked_for)
{
	struct symbol symbol;

	if (!table_here())
		return;
	for (u64 pc = (u64)&log_print; pc < (u64)&log_print + 4096; pc++)
		EXPECT(symbol_find(pc, &symbol) && symbol.name != nullptr);
}

TEST(an_unknown_address_prints_as_a_number)
{
	u8 text[32];
	size_t len = symbol_print((struct bytes){ text, sizeof(text) }, 0x1235);

	EXPECT(cbytes_equal((struct cbytes){ text, len }, TEXT("0x1235")));
}

/** Looks addresses up in a damaged table: it may find anything, within the table. */
static void
damaged_lookup(struct cbytes table)
{
	struct symbol symbol;

	for (u64 i = 0; i < 64; i++) {
		(void)symbol_find_in(table, (u64)&log_print + 997 * i - 20000, &symbol);
		EXPECT(symbol.name == nullptr || (u64)symbol.name - (u64)table.ptr < table.len);
		EXPECT(symbol.file == nullptr || (u64)symbol.file - (u64)table.ptr < table.len);
	}
}

TEST(a_damaged_table_is_never_read_beyond)
{
	alignas(8) static u8 copy[16 * 1024];
	struct cbytes table = { ksyms_start, (u64)ksyms_end - (u64)ksyms_start };
	size_t len = MIN(table.len, sizeof(copy));
	u32 random = 12345;

	if (!table_here())
		return;
	for (size_t cut = 0; cut <= 64; cut++)
		damaged_lookup(cbytes_sub(table, 0, cut));
	for (u32 round = 0; round < 200; round++) {
		memcpy(copy, table.ptr, len);
		for (u32 i = 0; i < 8; i++) {
			random = random * 1103515245 + 12345;
			/* Not the magic number, or nothing further would be looked at. */
			copy[4 + (random >> 8) % (round < 100 ? 44 : len - 4)] = (u8)random;
		}
		/* Nor the last byte, in most rounds, for the same reason. */
		copy[len - 1] = round % 8 == 7 ? (u8)random : 0;
		damaged_lookup((struct cbytes){ copy, len });
	}
}

TEST(no_table_has_no_symbols)
{
	struct symbol symbol;

	EXPECT(!symbol_find_in((struct cbytes){}, (u64)&log_print, &symbol));
}
