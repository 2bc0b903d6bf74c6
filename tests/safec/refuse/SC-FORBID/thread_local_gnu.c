/* SC-FORBID: in GNU spelling. */
static __thread int x;
int f(void) { return x; }
