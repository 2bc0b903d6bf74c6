/* SC-INDEX: the mask lets larger values through. */
static int a[10];
int *f(unsigned i) { return &a[i & 15]; }
