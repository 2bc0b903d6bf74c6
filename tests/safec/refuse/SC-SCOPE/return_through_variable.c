/* SC-SCOPE: through a local pointer. */
int *f(void) { int x = 1; int *p = &x; return p; }
