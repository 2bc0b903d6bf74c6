/* SC-INDEX: t = s[i]. */
struct s { int x, y; };
static struct s a[10];
void f(int i, struct s *t) { *t = a[i]; }
