/* a guard that continues. */
struct s { int x; };
static struct s a[8];
static void touch(struct s *p) { p->x++; }
void f(int n) { for (int i = 0; i < n; i++) { unsigned k = (unsigned)i; if (k >= 8) continue; touch(&a[k]); } }
