/* SC-ODR: one tag, written twice alike. */
struct s { int a; };
int fb(struct s *s) { return s->a; }
