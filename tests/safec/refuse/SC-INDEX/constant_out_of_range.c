/* SC-INDEX: a constant beyond the end, address taken. */
static int a[10];
int *f(void) { return &a[10]; }
