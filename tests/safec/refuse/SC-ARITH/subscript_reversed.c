/* SC-ARITH: index[pointer]. */
int f(int *p) { return 3[p]; }
