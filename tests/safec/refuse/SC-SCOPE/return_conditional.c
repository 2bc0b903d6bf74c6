/* SC-SCOPE: through a conditional. */
static int g;
int *f(int c) { int x = 1; return c ? &x : &g; }
