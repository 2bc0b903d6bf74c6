/* SC-CAST: a function becomes data. */
static int g(int x) { return x; }
int *f(void) { return (int *)g; }
