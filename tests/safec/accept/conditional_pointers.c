/* conditionals of one type. */
struct s { int x; };
static struct s a, b;
struct s *f(int c, struct s *p) { struct s *q = c > 1 ? &a : c ? &b : nullptr; return q != nullptr ? q : p; }
const struct s *g(int c, struct s *p, const struct s *q) { return c ? p : q; }
