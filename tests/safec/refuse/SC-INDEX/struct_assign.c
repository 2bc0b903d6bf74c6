/* SC-INDEX: s[i] = t checks i <= N only. */
struct s { int x, y; };
static struct s a[10];
void f(int i, struct s t) { a[i] = t; }
