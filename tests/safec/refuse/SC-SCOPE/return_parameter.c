/* SC-SCOPE: the address of a parameter. */
int *f(int x) { return &x; }
