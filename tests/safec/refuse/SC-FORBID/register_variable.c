/* SC-FORBID: a variable in a named register. */
register unsigned long sp asm("rsp");
unsigned long f(void) { return sp; }
