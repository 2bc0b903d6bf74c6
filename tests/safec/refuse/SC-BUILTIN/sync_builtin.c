/* SC-BUILTIN: an older atomic by hand. */
int f(int *p) { return __sync_fetch_and_add(p, 1); }
