/* SC-FORBID: in another spelling. */
void f(void) { __asm__ __volatile__("hlt"); }
