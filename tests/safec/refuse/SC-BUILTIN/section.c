/* SC-BUILTIN: in another section. */
__attribute__((section(".init.text"))) int f(void) { return 0; }
