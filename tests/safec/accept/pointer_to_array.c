/* a pointer to a whole array. */
static int table[10];
static int get(int (*a)[10], unsigned i) { return (*a)[i]; }
int f(void) { int (*p)[10] = &table; (*p)[3] = 1; return get(p, 3); }
