/* SC-CAST: const dropped by assignment. */
int *f(const int *p) { int *q = p; return q; }
