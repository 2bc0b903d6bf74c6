/* SC-SCOPE: in a local array of pointers. */
int *f(void) { int x = 1; int *a[2] = { }; a[0] = &x; return a[0]; }
