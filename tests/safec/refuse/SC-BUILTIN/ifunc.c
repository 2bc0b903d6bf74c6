/* SC-BUILTIN: a resolver. */
static int (*resolve(void))(void) { return nullptr; }
int f(void) __attribute__((ifunc("resolve")));
