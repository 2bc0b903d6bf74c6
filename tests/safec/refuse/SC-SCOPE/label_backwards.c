/* SC-SCOPE: a jump back with a pointer to a dead local. */
int f(int n) { int *p = nullptr; int s = 0; again: { if (p != nullptr) s += *p; int x = n; p = &x; } if (n-- > 0) goto again; return s; }
