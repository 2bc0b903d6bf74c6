/* SC-BUILTIN: a false promise. */
__attribute__((returns_nonnull)) int *f(void) { return nullptr; }
