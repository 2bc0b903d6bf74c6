/* SC-CAST: a function through another prototype. */
static int add(int a, int b) { return a + b; }
int f(void) { int (*p)(int *) = (int (*)(int *))add; return p(nullptr); }
