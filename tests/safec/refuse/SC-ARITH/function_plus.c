/* SC-ARITH: arithmetic on a function pointer. */
void g(void) { }
void f(void) { (g + 1)(); }
