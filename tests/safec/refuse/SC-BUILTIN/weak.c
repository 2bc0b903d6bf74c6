/* SC-BUILTIN: a definition that another may replace. */
__attribute__((weak)) int f(void) { return 0; }
