/* SC-SCOPE: in a field of a local struct. */
struct s { int *p; };
int f(void) { int x = 1; struct s s = { }; s.p = &x; return *s.p; }
