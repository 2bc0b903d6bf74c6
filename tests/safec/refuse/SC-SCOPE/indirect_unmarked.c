/* SC-SCOPE: through a function pointer whose prototype does not mark it. */
static int (*op)(int *);
int f(void) { int x = 1; return op(&x); }
