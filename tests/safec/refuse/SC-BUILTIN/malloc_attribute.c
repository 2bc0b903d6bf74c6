/* SC-BUILTIN: a false promise. */
static int g;
__attribute__((malloc)) int *f(void) { return &g; }
