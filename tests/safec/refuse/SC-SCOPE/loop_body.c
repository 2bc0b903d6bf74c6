/* SC-SCOPE: a pointer carries an address to the next round. */
int f(int n) { int *p = nullptr; int s = 0; for (int i = 0; i < n; i++) { int x = i; if (p) s += *p; p = &x; } return s; }
