/* SC-FORBID: the same as a builtin. */
void f(int n) { __builtin_alloca(n); }
