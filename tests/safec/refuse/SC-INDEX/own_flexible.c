/* SC-INDEX: a flexible array of a service's own. */
struct s { int n; int a[]; };
int f(struct s *p, int i) { return p->a[i]; }
