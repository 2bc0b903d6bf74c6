/* SC-ARITH: a difference of addresses of elements. */
static int a[4];
long f(void) { return &a[3] - &a[0]; }
