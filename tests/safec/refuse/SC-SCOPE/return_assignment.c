/* SC-SCOPE: through the value of an assignment. */
int *f(void) { int x = 1; int *p; return p = &x; }
