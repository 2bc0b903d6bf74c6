/* SC-SCOPE: a local's address in a global. */
static int *g;
void f(void) { int x = 1; g = &x; }
