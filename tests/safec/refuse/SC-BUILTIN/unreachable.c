/* SC-BUILTIN: a false promise. */
int f(int x) { if (x) return 1; __builtin_unreachable(); }
