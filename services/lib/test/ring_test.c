// SPDX-License-Identifier: MPL-2.0
// Rings against a model of two counters, across the wrap of their 32 bits.
#include <test.h>

#include <ring.h>

enum : u32 { CAPACITY = 8, STEPS = 20000 };

RING_OF(word_ring, u32, CAPACITY);

/** Values are numbered: what comes out is the oldest that went in. */
static void
ring_work(u32 start, u64 seed)
{
	struct word_ring ring = { .head = start, .tail = start };
	u32 in = 0, out = 0;
	for (u32 i = 0; i < STEPS; i++) {
		u32 value = 0;
		seed = seed * 6364136223846793005 + 1442695040888963407;
		EXPECT_EQ(word_ring_count(&ring), in - out);
		EXPECT_EQ(word_ring_empty(&ring), in == out);
		EXPECT_EQ(word_ring_full(&ring), in - out == CAPACITY);
		EXPECT_EQ(word_ring_peek(&ring, &value), in != out);
		EXPECT(in == out || value == out);
		/* For a while it fills, then it empties. */
		bool push = (seed >> 33) % 8 < (i / 100 % 2 == 0 ? 6u : 2u);
		if (push)
			in += word_ring_push(&ring, in) ? 1 : 0;
		else if (word_ring_pop(&ring, &value))
			EXPECT_EQ(value, out++);
	}
	EXPECT(out > STEPS / 8);
}

TEST(a_ring_gives_what_it_was_given_in_order)
{
	ring_work(0, 1);
	ring_work(~(u32)0 - 50, 2);
}
