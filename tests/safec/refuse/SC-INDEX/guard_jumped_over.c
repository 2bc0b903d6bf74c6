/* SC-INDEX: a case label after the guard. */
static int a[10];
int *f(unsigned i, int k) { switch (k) { case 0: if (i >= 10) return nullptr; [[fallthrough]]; case 1: return &a[i]; } return nullptr; }
