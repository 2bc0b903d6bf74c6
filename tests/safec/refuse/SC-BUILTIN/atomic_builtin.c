/* SC-BUILTIN: an atomic by hand. */
int f(int *p) { return __atomic_load_n(p, 5); }
