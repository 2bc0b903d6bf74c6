// SPDX-License-Identifier: MPL-2.0
/** The ChaCha20 block function. Source: RFC 8439, 2.1 to 2.3. */
#include "random_impl.h"

static inline u32
rotate(u32 x, u32 n)
{
	return x << n | x >> (32 - n);
}

/** A quarter round, on four words of the state. */
#define QUARTER_ROUND(x, a, b, c, d)                                                                                   \
	do {                                                                                                           \
		(x)->word[a] += (x)->word[b]; (x)->word[d] = rotate((x)->word[d] ^ (x)->word[a], 16);                  \
		(x)->word[c] += (x)->word[d]; (x)->word[b] = rotate((x)->word[b] ^ (x)->word[c], 12);                  \
		(x)->word[a] += (x)->word[b]; (x)->word[d] = rotate((x)->word[d] ^ (x)->word[a], 8);                   \
		(x)->word[c] += (x)->word[d]; (x)->word[b] = rotate((x)->word[b] ^ (x)->word[c], 7);                   \
	} while (0)

static void
double_round(struct chacha_block *scoped x)
{
	QUARTER_ROUND(x, 0, 4, 8, 12);
	QUARTER_ROUND(x, 1, 5, 9, 13);
	QUARTER_ROUND(x, 2, 6, 10, 14);
	QUARTER_ROUND(x, 3, 7, 11, 15);
	QUARTER_ROUND(x, 0, 5, 10, 15);
	QUARTER_ROUND(x, 1, 6, 11, 12);
	QUARTER_ROUND(x, 2, 7, 8, 13);
	QUARTER_ROUND(x, 3, 4, 9, 14);
}

struct chacha_block
chacha_block(const struct chacha_key *scoped key, u64 counter)
{
	struct chacha_block start = { { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 } };
	for (u32 i = 0; i < CHACHA_KEY; i++)
		start.word[4 + i] = key->word[i];
	start.word[12] = (u32)counter;
	start.word[13] = (u32)(counter >> 32);
	struct chacha_block block = start;
	for (u32 i = 0; i < 10; i++)
		double_round(&block);
	for (u32 i = 0; i < CHACHA_BLOCK; i++)
		block.word[i] += start.word[i];
	return block;
}
