/* SC-ARITH: a pointer difference. */
long f(int *p, int *q) { return p - q; }
