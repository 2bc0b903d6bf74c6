/* SC-CAST: a cast to a union. */
union u { unsigned long n; unsigned int h; };
unsigned int f(unsigned long n) { return ((union u)n).h; }
