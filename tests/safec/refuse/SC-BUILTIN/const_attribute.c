/* SC-BUILTIN: a false promise. */
static int g;
__attribute__((const)) int f(void) { return g++; }
