// SPDX-License-Identifier: MPL-2.0
// Memory functions at every alignment, overlap and length that matters.
#include <arch/string.h>
#include <test.h>
#include <x86.h>

enum : u32 { ROOM = 400 };
static u8 from[ROOM], to[ROOM], want[ROOM];

static void
fill(void)
{
	for (u32 i = 0; i < ROOM; i++)
		from[i] = (u8)(i * 7 + 3), to[i] = want[i] = (u8)~i;
}

TEST(copies_are_right_at_every_alignment_and_length)
{
	for (u32 d = 0; d < 9; d++)
		for (u32 s = 0; s < 9; s++)
			for (u32 len = 0; len < 360; len += len < 20 ? 1 : 13) {
				fill();
				for (u32 i = 0; i < len; i++)
					want[d + i] = from[s + i];
				EXPECT(memcpy(to + d, from + s, len) == to + d);
				EXPECT(memcmp(to, want, ROOM) == 0);
			}
}

TEST(moves_are_right_where_they_overlap)
{
	for (u32 d = 0; d < 40; d += 3)
		for (u32 s = 0; s < 40; s += 3)
			for (u32 len = 0; len < 350; len += len < 20 ? 3 : 37) {
				fill();
				u8 copy[ROOM];
				for (u32 i = 0; i < ROOM; i++)
					copy[i] = want[i] = from[i];
				for (u32 i = 0; i < len; i++)
					want[d + i] = copy[s + i];
				memmove(from + d, from + s, len);
				EXPECT(memcmp(from, want, ROOM) == 0);
			}
}

TEST(fills_are_right_at_every_alignment_and_length)
{
	for (u32 d = 0; d < 9; d++)
		for (u32 len = 0; len < 360; len += len < 20 ? 1 : 13) {
			fill();
			for (u32 i = 0; i < len; i++)
				want[d + i] = 0xa5;
			memset(to + d, 0x1a5, len);
			EXPECT(memcmp(to, want, ROOM) == 0);
		}
}

TEST(comparison_is_by_the_first_byte_that_differs)
{
	for (u32 at = 0; at < 40; at++) {
		fill();
		memcpy(to, from, 40);
		EXPECT_EQ(memcmp(to, from, 40), 0);
		to[at] = (u8)(from[at] ^ 0x80);
		bool less = to[at] < from[at];
		EXPECT((memcmp(to, from, 40) < 0) == less && (memcmp(from, to, 40) < 0) != less);
		EXPECT_EQ(memcmp(to, from, at), 0);
	}
}

TEST(pages_are_copied_and_zeroed_and_the_users_registers_stay)
{
	alignas(64) static u8 pages[3][PAGE_SIZE];
	u8 users[32], after[32];
	for (u32 i = 0; i < PAGE_SIZE; i++)
		pages[1][i] = (u8)(i * 7 + i / 256 + 1);
	for (u32 i = 0; i < sizeof(users); i++)
		users[i] = (u8)(i + 100);
	u64 flags = arch_irq_save();   /* the registers may be a task's: it has them back */
	u8 theirs[32];
	if (x86_features.ymm)
		asm volatile("vmovdqu %%ymm0, %0; vmovdqu %1, %%ymm0" : "=m"(theirs) : "m"(users));
	page_copy(pages[0], pages[1]);
	page_zero(pages[1]);
	if (x86_features.ymm)
		asm volatile("vmovdqu %%ymm0, %0; vmovdqu %1, %%ymm0" : "=m"(after) : "m"(theirs));
	arch_irq_restore(flags);
	EXPECT(!x86_features.ymm || memcmp(users, after, sizeof(users)) == 0);
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		if (pages[0][i] != (u8)(i * 7 + i / 256 + 1) || pages[1][i] != 0 || pages[2][i] != 0) {
			EXPECT_EQ(i, PAGE_SIZE);   /* the byte that is wrong */
			return;
		}
	}
}
