/* SC-FORBID: a pointer to volatile. */
int f(volatile int *p) { return *p; }
