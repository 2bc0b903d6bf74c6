/* SC-CAST: a pointer's bits by subtraction from null. */
unsigned long f(int *p) { return (unsigned long)p ^ 1ul; }
