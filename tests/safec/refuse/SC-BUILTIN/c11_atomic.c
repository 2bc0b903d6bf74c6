/* SC-BUILTIN: clang's own. */
int f(int *p) { return __c11_atomic_load(p, 5); }
