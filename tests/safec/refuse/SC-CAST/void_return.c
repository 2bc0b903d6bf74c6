/* SC-CAST: an untyped result. */
static struct s { int x; } g;
void *f(void) { return &g; }
