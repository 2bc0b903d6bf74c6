/* SC-INDEX: (s[i]).x = 1. */
struct s { int x, y; };
static struct s a[10];
void f(int i) { (a[i]).x = 1; }
