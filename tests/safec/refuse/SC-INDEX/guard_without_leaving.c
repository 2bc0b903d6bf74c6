/* SC-INDEX: the guard does not leave. */
static int a[10];
int *f(unsigned i) { if (i >= 10) { i += 0; } return &a[i]; }
