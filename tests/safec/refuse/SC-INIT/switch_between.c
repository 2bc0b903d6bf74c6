/* SC-INIT: a declaration between two cases. */
int f(int c) { switch (c) { case 1:; int *p = nullptr; return p == nullptr; case 2: return p != nullptr ? *p : 0; default: return 0; } }
