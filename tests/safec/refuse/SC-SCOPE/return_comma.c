/* SC-SCOPE: through a comma. */
int *f(void) { int x = 1; return (0, &x); }
