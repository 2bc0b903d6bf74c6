/* SC-INDEX: f(s[i]). */
struct s { int x, y; };
static struct s a[10];
static int g(struct s t) { return t.x; }
int f(int i) { return g(a[i]); }
