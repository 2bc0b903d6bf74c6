/* SC-INDEX: a counted array whose count the service can write. */
struct s { int n; int a[] __attribute__((counted_by(n))); };
int f(struct s *p, int i) { p->n = 1000; return p->a[i]; }
