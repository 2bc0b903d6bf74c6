/* SC-INDEX: the guard forgets negative values. */
static int a[10];
int *f(int i) { if (i >= 10) return nullptr; return &a[i]; }
