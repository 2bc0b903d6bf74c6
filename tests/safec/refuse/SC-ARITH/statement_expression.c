/* SC-ARITH: arithmetic inside a statement expression. */
int f(int *p) { return *({ p + 1; }); }
