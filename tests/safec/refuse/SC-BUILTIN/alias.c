/* SC-BUILTIN: another name for a function. */
int g(void) { return 0; }
int f(void) __attribute__((alias("g")));
