/* SC-BUILTIN: a pointer laundered. */
int *f(int *p) { return __builtin_launder(p); }
