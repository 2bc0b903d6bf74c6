/* SC-BUILTIN: bits of one type as another. */
long f(int *p) { return __builtin_bit_cast(long, p); }
