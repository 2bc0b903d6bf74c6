/* SC-INDEX: a label after the guard. */
static int a[10];
int *f(unsigned i, int k) { if (k) goto in; if (i >= 10) return nullptr; in: return &a[i]; }
