/* SC-INDEX: the negation says the opposite. */
static int a[4];
int *f(unsigned i) { if (!(i >= 4)) return nullptr; return &a[i]; }
