/* SC-CAST: const dropped by a cast. */
int *f(const int *p) { return (int *)p; }
