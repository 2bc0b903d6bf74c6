/* SC-ODR: one tag, other widths of bit-fields. */
struct s { unsigned a : 3; };
unsigned fa(struct s *s) { return s->a; }
