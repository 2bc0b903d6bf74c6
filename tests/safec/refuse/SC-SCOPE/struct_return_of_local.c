/* SC-SCOPE: a struct with a local's address returned. */
struct s { int *p; };
struct s f(void) { int x = 1; struct s s; s = (struct s){ .p = &x }; return s; }
