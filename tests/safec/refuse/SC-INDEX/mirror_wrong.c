/* SC-INDEX: the mirrored comparison says the opposite. */
static int a[4];
int *f(unsigned i) { if (4 > i) return nullptr; return &a[i]; }
