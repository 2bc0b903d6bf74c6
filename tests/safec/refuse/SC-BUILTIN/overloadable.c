/* SC-BUILTIN: one name, many functions. */
__attribute__((overloadable)) int f(int x) { return x; }
