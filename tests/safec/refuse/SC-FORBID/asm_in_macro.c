/* SC-FORBID: hidden in a macro. */
#define STOP asm("hlt")
void f(void) { STOP; }
