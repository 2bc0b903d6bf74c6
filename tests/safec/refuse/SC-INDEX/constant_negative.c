/* SC-INDEX: a negative constant, address taken. */
static int a[10];
int *f(void) { return &a[-1]; }
