/* SC-INIT: a declaration before the first case. */
int f(int c) { switch (c) { int *p; case 1: return p == nullptr; default: return 0; } }
