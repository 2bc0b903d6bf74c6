/* const may be added. */
struct s { int x; };
static int read(const struct s *p) { return p->x; }
int f(struct s *p) { const struct s *q = p; const int *r = &p->x; return read(p) + q->x + *r; }
