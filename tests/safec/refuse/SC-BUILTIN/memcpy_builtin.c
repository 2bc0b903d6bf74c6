/* SC-BUILTIN: copying without types. */
void f(int *p, long *q) { __builtin_memcpy(p, q, 8); }
