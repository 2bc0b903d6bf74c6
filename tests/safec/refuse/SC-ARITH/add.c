/* SC-ARITH: pointer plus integer. */
int f(int *p) { return *(p + 1); }
