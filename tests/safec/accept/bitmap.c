/* a bitmap allocator. */
#include <stdint.h>
enum { WORDS = 16 };
struct bitmap { uint64_t words[WORDS]; };
int bitmap_take(struct bitmap *b)
{
	for (unsigned w = 0; w < WORDS; w++)
		for (unsigned bit = 0; bit < 64; bit++)
			if (!(b->words[w] & (UINT64_C(1) << bit))) {
				b->words[w] |= UINT64_C(1) << bit;
				return (int)(w * 64 + bit);
			}
	return -1;
}
void bitmap_free(struct bitmap *b, unsigned i) { b->words[i / 64] &= ~(UINT64_C(1) << (i % 64)); }
