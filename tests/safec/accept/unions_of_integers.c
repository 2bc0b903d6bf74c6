/* unions without pointers. */
union word { unsigned int u; unsigned char b[4]; struct { unsigned short lo, hi; } h; };
unsigned f(unsigned x) { union word w = { .u = x }; return w.b[x & 3] + w.h.hi; }
