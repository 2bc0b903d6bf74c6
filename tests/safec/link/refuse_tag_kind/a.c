/* SC-ODR: one tag, struct and union. */
struct s { int a; };
int fa(struct s *s) { return s->a; }
