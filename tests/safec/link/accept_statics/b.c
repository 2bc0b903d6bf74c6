/* SC-ODR: equal names of static functions and variables. */
static long n;
static long get(long *p) { return p ? *p : n; }
long fb(void) { return get(&n); }
