/* harmless builtins. */
#include <stdint.h>
int f(uint32_t x) { if (__builtin_expect(x == 0, 0)) return __builtin_popcount(x); return (int)__builtin_bswap32(x); }
bool g(int a, int b) { int r; return __builtin_add_overflow(a, b, &r) || r > 5; }
