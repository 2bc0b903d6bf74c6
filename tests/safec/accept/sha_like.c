/* rotations and tables. */
#include <stdint.h>
static uint32_t rol(uint32_t x, unsigned n) { return (x << (n & 31)) | (x >> (-n & 31)); }
static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
struct state { uint32_t h[5]; uint32_t w[80]; };
void expand(struct state *s) { for (unsigned t = 16; t < 80; t++) s->w[t] = rol(s->w[t - 3] ^ s->w[t - 8] ^ s->w[t - 14] ^ s->w[t - 16], 1); s->h[0] += k[s->w[79] & 3]; }
