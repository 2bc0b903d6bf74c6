/* SC-BUILTIN: a false promise. */
__attribute__((nonnull)) int f(int *p) { return p != nullptr; }
