/* SC-SCOPE: a pointer outlives a case's block. */
int f(int k) { int *p = nullptr; switch (k) { case 1: { int x = 2; p = &x; break; } default: break; } return p != nullptr ? *p : 0; }
