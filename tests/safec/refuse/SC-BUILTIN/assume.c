/* SC-BUILTIN: a false promise about a value. */
int f(int x) { __builtin_assume(x > 0); return x; }
