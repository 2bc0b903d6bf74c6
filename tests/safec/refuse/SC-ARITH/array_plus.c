/* SC-ARITH: an array decays and moves. */
static int a[4];
int f(void) { return *(a + 5); }
