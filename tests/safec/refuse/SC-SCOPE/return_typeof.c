/* SC-SCOPE: through a typeof variable. */
int *f(void) { int x = 1; typeof(&x) p = &x; return p; }
