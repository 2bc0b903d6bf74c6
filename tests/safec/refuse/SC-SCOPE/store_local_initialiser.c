/* SC-SCOPE: in the initialiser of a local struct. */
struct s { int *p; };
struct s f(void) { int x = 1; struct s s = { &x }; return s; }
