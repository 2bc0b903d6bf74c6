/* SC-INDEX: the guard is for a larger bound. */
static int a[10];
int *f(unsigned i) { if (i >= 11) return nullptr; return &a[i]; }
