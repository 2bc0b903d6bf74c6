/* SC-ODR: one tag, the fields in another order. */
struct s { int a; long b; };
int fa(struct s *s) { return s->a; }
