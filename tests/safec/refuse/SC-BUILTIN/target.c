/* SC-BUILTIN: another instruction set. */
__attribute__((target("avx2"))) int f(int x) { return x; }
