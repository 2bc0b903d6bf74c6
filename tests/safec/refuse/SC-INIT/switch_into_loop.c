/* SC-INIT: a case inside a loop's block. */
int f(int c) { switch (c) { case 0: for (int i = 0; i < 3; i++) { int *p = nullptr; c++; case 1: if (p) return *p; } } return 0; }
