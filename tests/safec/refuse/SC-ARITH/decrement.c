/* SC-ARITH: -- on a pointer. */
int f(int *p) { return *--p; }
