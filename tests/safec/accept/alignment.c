/* alignment raised. */
#include <stdint.h>
struct line { alignas(64) uint64_t a; uint64_t b; };
static alignas(16) unsigned char buffer[64];
unsigned char f(struct line *l) { return buffer[l->a % 64]; }
