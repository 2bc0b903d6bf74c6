/* SC-FORBID: memory on the stack. */
void *alloca(unsigned long);
void f(int n) { alloca(n); }
