/* SC-ARITH: -= on a pointer. */
int f(int *p) { p -= 4; return *p; }
