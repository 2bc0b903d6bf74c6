// SPDX-License-Identifier: MPL-2.0
// Formatting: every directive, every kind of argument, every way in which the two can be at odds.
#include <test.h>

static u8 out[64];
static size_t out_len;

static bool
is(struct cbytes text)
{
	return out_len == text.len && cbytes_equal((struct cbytes){ out, out_len }, text);
}

#define PRINT(format, ...) (out_len = format_text(((struct bytes){ out, sizeof(out) }), format, __VA_ARGS__))

TEST(integers_print_in_decimal_and_hexadecimal)
{
	PRINT("{} {} {}", 0u, (u8)255, ~(u64)0);
	EXPECT(is(TEXT("0 255 18446744073709551615")));
	PRINT("{} {} {}", -1, (i64)1 << 63, (i8)-128);
	EXPECT(is(TEXT("-1 -9223372036854775808 -128")));
	PRINT("{x} {x} {x}", 0, 0xdeadbeefu, ~(u64)0);
	EXPECT(is(TEXT("0x0 0xdeadbeef 0xffffffffffffffff")));
}

TEST(characters_bools_texts_and_errors_print)
{
	PRINT("{c}{c} {} {} [{}] {}", 'o', (u8)'k', true, false, TEXT("text"), ENOENT);
	EXPECT(is(TEXT("ok true false [text] 2")));
}

TEST(a_text_is_a_text_under_each_directive)
{
	PRINT("{x}{c}{}", TEXT("a"), TEXT("b"), TEXT(""));
	EXPECT(is(TEXT("ab")));
	PRINT("{x}{c}", true, false);
	EXPECT(is(TEXT("truefalse")));
}

TEST(what_is_no_directive_prints_as_it_stands)
{
	PRINT("{ {y} {x x} } {{}} {", 7);
	EXPECT(is(TEXT("{ {y} {x x} } {7} {")));
	PRINT("{x");
	EXPECT(is(TEXT("{x")));
}

TEST(a_directive_without_argument_says_so)
{
	static const struct log_arg one[] = { { LOG_ARG_UNSIGNED, 5, nullptr }, { LOG_ARG_UNSIGNED, 6, nullptr } };

	out_len = format_print((struct bytes){ out, sizeof(out) }, TEXT("{} {}"), one, 1);
	EXPECT(is(TEXT("5 {?}")));
	out_len = format_print((struct bytes){ out, sizeof(out) }, TEXT("{} {x}{}"), nullptr, 0);
	EXPECT(is(TEXT("{?} {?}{?}")));
	out_len = format_print((struct bytes){ out, sizeof(out) }, TEXT("none"), one, 2);
	EXPECT(is(TEXT("none")));
}

TEST(an_argument_of_no_kind_is_a_question_mark)
{
	const struct log_arg odd = { (enum log_arg_kind)77, 5, nullptr };

	out_len = format_print((struct bytes){ out, sizeof(out) }, TEXT("<{x}>"), &odd, 1);
	EXPECT(is(TEXT("<?>")));
}

TEST(text_that_does_not_fit_is_cut_and_counted)
{
	u8 small[4] = { 1, 2, 3, 4 };

	EXPECT_EQ(format_text(((struct bytes){ small, 3 }), "{}{}", 12, TEXT("345")), 5);
	EXPECT(small[0] == '1' && small[1] == '2' && small[2] == '3' && small[3] == 4);
	EXPECT_EQ(format_text(((struct bytes){ nullptr, 0 }), "{} is long", 12345), 13);
}

TEST(a_text_of_impossible_length_is_read_as_far_as_it_fits)
{
	const struct log_arg huge[] = { { LOG_ARG_TEXT, ~(u64)0, (const u8 *)"abcdefgh" }, { LOG_ARG_TEXT, ~(u64)0, nullptr } };
	u8 small[4];

	EXPECT(format_print((struct bytes){ small, 4 }, TEXT("{}{}"), huge, 2) > 4);
	EXPECT(small[3] == 'd');
}
