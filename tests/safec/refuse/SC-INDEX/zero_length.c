/* SC-INDEX: an array of no elements. */
struct s { int n; int a[0]; };
int f(struct s *p, int i) { return p->a[i]; }
