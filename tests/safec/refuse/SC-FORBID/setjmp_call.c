/* SC-FORBID: a jump out of a function. */
int setjmp(unsigned long *);
int f(void) { return setjmp(nullptr); }
