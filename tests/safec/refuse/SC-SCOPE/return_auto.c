/* SC-SCOPE: through an inferred type. */
int *f(void) { int x = 1; auto p = &x; return p; }
