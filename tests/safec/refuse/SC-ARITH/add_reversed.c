/* SC-ARITH: integer plus pointer. */
int f(int *p) { return *(1 + p); }
