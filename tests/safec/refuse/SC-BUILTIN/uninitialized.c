/* SC-BUILTIN: a variable left unset. */
int f(void) { __attribute__((uninitialized)) int x; return x; }
