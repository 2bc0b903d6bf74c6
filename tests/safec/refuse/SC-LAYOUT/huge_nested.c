/* SC-LAYOUT: a large struct inside a struct. */
struct in { char pad[40000]; }; struct s { struct in a, b; int x; };
int f(struct s *p) { return p->x; }
