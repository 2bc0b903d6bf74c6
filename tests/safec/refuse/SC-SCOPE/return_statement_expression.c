/* SC-SCOPE: through a statement expression. */
int *f(void) { int x = 1; return ({ &x; }); }
