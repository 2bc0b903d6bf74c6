/* SC-LAYOUT: larger than the guard at address 0. */
struct s { char pad[70000]; int x; };
int f(struct s *p) { return p->x; }
