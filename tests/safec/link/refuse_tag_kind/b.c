/* SC-ODR: one tag, struct and union. */
union s { int a; };
int fb(union s *s) { return s->a; }
