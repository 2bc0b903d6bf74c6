/* SC-SCOPE: with a designator. */
struct s { int a; int *p; };
struct s f(void) { int x = 1; return (struct s){ .p = &x }; }
