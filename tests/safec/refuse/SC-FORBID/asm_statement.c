/* SC-FORBID: inline assembly. */
void f(void) { asm("cli"); }
