/* SC-ODR: one tag, written twice alike. */
struct s { int a; };
int fa(struct s *s) { return s->a; }
