/* SC-SCOPE: the address of a local returned. */
int *f(void) { int x = 1; return &x; }
