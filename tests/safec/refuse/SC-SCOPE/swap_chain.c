/* SC-SCOPE: two locals hand an address upwards. */
int *f(void) { int *a = nullptr; int *b = nullptr; int x = 1; b = &x; a = b; return a; }
