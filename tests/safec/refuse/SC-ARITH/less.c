/* SC-ARITH: an order between pointers. */
int f(int *p, int *q) { return p < q; }
