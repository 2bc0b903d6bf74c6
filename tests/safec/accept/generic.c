/* a generic selection on integers. */
#define WIDTH(x) _Generic((x), char: 8, short: 16, int: 32, default: 64)
int f(long x) { return WIDTH(x) + WIDTH(1); }
