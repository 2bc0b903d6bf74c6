/* SC-BUILTIN: a check switched off. */
__attribute__((nocf_check)) int f(void) { return 0; }
