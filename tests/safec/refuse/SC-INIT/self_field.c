/* SC-INIT: a struct initialised with its own field. */
struct s { int *p; int *q; };
int f(void) { struct s s = { .p = s.q }; return *s.p; }
