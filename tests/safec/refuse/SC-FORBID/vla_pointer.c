/* SC-FORBID: a pointer to an array of run-time length. */
int f(int n) { int (*p)[n] = nullptr; return p == nullptr; }
