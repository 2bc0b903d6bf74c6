/* SC-INDEX: the remainder of a signed value is negative. */
static int a[10];
int *f(int i) { return &a[i % 10]; }
