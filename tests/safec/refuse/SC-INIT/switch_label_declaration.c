/* SC-INIT: a declaration as a case's statement. */
int f(int c) { switch (c) { case 1: int *p = nullptr; return p == nullptr; default: return p != nullptr ? *p : 0; } }
