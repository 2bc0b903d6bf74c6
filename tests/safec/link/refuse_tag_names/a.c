/* SC-ODR: one tag, other names of fields. */
struct s { int a; };
int fa(struct s *s) { return s->a; }
