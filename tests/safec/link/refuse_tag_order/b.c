/* SC-ODR: one tag, the fields in another order. */
struct s { long b; int a; };
int fb(struct s *s) { return s->a; }
