/* SC-ARITH: pointer minus integer. */
int f(int *p) { return *(p - 1); }
