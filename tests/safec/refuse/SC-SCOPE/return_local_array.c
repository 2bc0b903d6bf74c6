/* SC-SCOPE: a local array decays and is returned. */
int *f(void) { int a[4] = { }; return a; }
