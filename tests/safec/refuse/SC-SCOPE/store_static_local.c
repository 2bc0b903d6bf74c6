/* SC-SCOPE: in a static local. */
void f(void) { static int *g; int x = 1; g = &x; }
