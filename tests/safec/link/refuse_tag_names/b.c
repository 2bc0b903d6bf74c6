/* SC-ODR: one tag, other names of fields. */
struct s { int b; };
int fb(struct s *s) { return s->b; }
