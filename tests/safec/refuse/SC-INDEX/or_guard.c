/* SC-INDEX: an or proves nothing when true. */
static int a[10];
int *f(unsigned i, int c) { if (i < 10 || c) return &a[i]; return nullptr; }
