/* SC-ODR: a tag that one unit does not complete. */
struct s { int a; };
int fb(struct s *s) { return s->a; }
