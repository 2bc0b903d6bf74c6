/* SC-INDEX: a pointer to an array without a bound. */
static int a[4];
int f(void) { int (*p)[] = &a; return p != nullptr; }
