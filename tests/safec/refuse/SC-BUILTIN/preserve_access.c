/* SC-BUILTIN: tracing builtins. */
unsigned long f(void) { return __builtin_readcyclecounter(); }
