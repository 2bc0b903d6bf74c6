/* SC-ODR: an unnamed struct inside that differs. */
struct s { struct { int *p; } in; };
int *fa(struct s *s) { return s->in.p; }
