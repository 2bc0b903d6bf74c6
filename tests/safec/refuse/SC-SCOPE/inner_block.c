/* SC-SCOPE: a pointer outlives an inner block. */
int f(void) { int *p = nullptr; { int x = 1; p = &x; } return *p; }
