/* SC-INDEX: a global index can change after the check. */
static int a[10];
static unsigned i;
int *f(void) { if (i >= 10) return nullptr; return &a[i]; }
