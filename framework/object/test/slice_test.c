// SPDX-License-Identifier: MPL-2.0
// Tests of slices.
#include <cadre/object.h>
#include <test.h>

static u8 text[] = "0123456789";

TEST(slices_trap_beyond_their_end)
{
	struct bytes all = { text, 10 };
	EXPECT_EQ(bytes_get(all, 9), '9');
	EXPECT_TRAP(bytes_get(all, 10));
	EXPECT_TRAP(bytes_set(all, ~(size_t)0, 1));
	EXPECT_TRAP(cbytes_get(bytes_const(all), 10));
	EXPECT_EQ(bytes_len(bytes_sub(all, 3, 7)), 7);
	EXPECT_EQ(bytes_len(bytes_sub(all, 10, 0)), 0);
	EXPECT_TRAP(bytes_sub(all, 3, 8));
	EXPECT_TRAP(bytes_sub(all, 11, 0));
	EXPECT_TRAP(bytes_sub(all, 3, ~(size_t)0 - 2));      /* wraps */
	EXPECT_TRAP(cbytes_sub(bytes_const(all), ~(size_t)0, 2));
	EXPECT_EQ(bytes_len(bytes_from(all, 10)), 0);
	EXPECT_TRAP(bytes_from(all, 11));
	EXPECT_TRAP(cbytes_from(bytes_const(all), ~(size_t)0));
}

TEST(copy_wants_room_and_may_overlap)
{
	u8 buffer[8] = "abcdefg";
	struct bytes all = { buffer, 8 };
	EXPECT_TRAP(bytes_copy(bytes_sub(all, 0, 3), bytes_const(bytes_sub(all, 0, 4))));
	bytes_copy(bytes_from(all, 1), bytes_const(bytes_sub(all, 0, 7)));
	EXPECT(cbytes_equal(bytes_const(all), (struct cbytes){ (const u8 *)"aabcdefg", 8 }));
	bytes_fill(bytes_sub(all, 2, 2), 'x');
	EXPECT(cbytes_equal(bytes_const(all), (struct cbytes){ (const u8 *)"aaxxdefg", 8 }));
}

TEST(comparison_is_by_bytes_then_by_length)
{
	EXPECT(cbytes_compare(TEXT("abc"), TEXT("abd")) < 0);
	EXPECT(cbytes_compare(TEXT("abc"), TEXT("ab")) > 0);
	EXPECT(cbytes_compare(TEXT("ab"), TEXT("abc")) < 0);
	EXPECT(cbytes_compare(TEXT("\xff"), TEXT("a")) > 0);
	EXPECT_EQ(cbytes_compare(TEXT(""), TEXT("")), 0);
	EXPECT(!cbytes_equal(TEXT("a"), TEXT("ab")));
}
