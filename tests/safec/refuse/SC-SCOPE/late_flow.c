/* SC-SCOPE: the address arrives in a later round of a loop. */
int *f(int n) { int x = 1; int *a = nullptr; int *b = nullptr; int *c = nullptr; for (int i = 0; i < n; i++) { c = b; b = a; a = &x; } return c; }
