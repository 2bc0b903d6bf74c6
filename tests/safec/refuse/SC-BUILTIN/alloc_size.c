/* SC-BUILTIN: a false promise. */
static int g;
__attribute__((alloc_size(1))) int *f(int n) { return &g; }
