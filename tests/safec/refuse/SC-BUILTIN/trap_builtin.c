/* SC-BUILTIN: use assert. */
void f(void) { __builtin_trap(); }
