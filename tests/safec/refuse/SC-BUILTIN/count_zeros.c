/* SC-BUILTIN: undefined for 0. */
int f(unsigned x) { return __builtin_clz(x) + __builtin_ctzg(x); }
