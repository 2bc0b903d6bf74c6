/* SC-BUILTIN: an extension word. */
int f(int x) { return __builtin_assume_aligned(&x, 4) != nullptr; }
