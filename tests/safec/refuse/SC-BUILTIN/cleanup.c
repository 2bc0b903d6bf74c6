/* SC-BUILTIN: a handler that is called with any pointer. */
static void end(int *p) { *p = 0; }
int f(void) { __attribute__((cleanup(end))) int x = 1; return x; }
