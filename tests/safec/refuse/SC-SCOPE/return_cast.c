/* SC-SCOPE: through a cast to its own type. */
int *f(void) { int x = 1; return (int *)&x; }
