/* SC-SCOPE: in a field of a heap object. */
struct s { int *p; };
void f(struct s *s) { int x = 1; s->p = &x; }
