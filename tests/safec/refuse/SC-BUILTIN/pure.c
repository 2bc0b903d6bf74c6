/* SC-BUILTIN: a false promise. */
static int g;
__attribute__((pure)) int f(void) { return g++; }
