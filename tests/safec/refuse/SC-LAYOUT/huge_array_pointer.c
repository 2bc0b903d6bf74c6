/* SC-LAYOUT: a pointer to an array larger than the guard. */
static int big[100000];
int f(unsigned i) { int (*p)[100000] = &big; return (*p)[i]; }
