/* SC-SCOPE: a parameter takes a local's address and is returned. */
int *f(int *p) { int x = 1; p = &x; return p; }
