/* SC-FORBID: a name for the linker. */
int f(void) asm("panic");
int f(void) { return 0; }
