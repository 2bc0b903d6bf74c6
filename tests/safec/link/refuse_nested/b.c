/* SC-ODR: an unnamed struct inside that differs. */
struct s { struct { unsigned long p; } in; };
unsigned long fb(struct s *s) { return s->in.p; }
