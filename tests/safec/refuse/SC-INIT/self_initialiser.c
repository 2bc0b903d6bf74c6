/* SC-INIT: a variable initialised with itself. */
int f(void) { int *p = p; return *p; }
