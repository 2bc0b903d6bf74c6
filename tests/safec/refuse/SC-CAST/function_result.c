/* SC-CAST: a function pointer whose result becomes a pointer. */
static unsigned long id(unsigned long x) { return x; }
int *f(unsigned long x) { return ((int *(*)(unsigned long))id)(x); }
