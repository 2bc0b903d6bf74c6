/* SC-BUILTIN: vectors by builtin. */
int f(int x) { return __builtin_choose_expr(1, x, 2); }
