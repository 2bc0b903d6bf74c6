/* SC-BUILTIN: another way to compile. */
__attribute__((optnone)) int f(void) { return 0; }
