/* SC-INDEX: the index changes after the guard. */
static int a[10];
int *f(unsigned i) { if (i >= 10) return nullptr; i++; return &a[i]; }
