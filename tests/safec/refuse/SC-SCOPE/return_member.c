/* SC-SCOPE: the address of a field of a local. */
struct s { int a, b; };
int *f(void) { struct s s = { }; return &s.b; }
