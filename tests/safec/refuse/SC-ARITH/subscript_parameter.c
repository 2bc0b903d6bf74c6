/* SC-ARITH: [] on an array parameter. */
int f(int a[10], int i) { return a[i]; }
