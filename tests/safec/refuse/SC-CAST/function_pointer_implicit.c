/* SC-CAST: the same without a cast. */
static int add(int a, int b) { return a + b; }
int f(void) { int (*p)(int); p = add; return p(1); }
