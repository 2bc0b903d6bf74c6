/* SC-ODR: one tag, other widths of bit-fields. */
struct s { unsigned a : 4; };
unsigned fb(struct s *s) { return s->a; }
