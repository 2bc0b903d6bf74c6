/* SC-INDEX: return s[i]. */
struct s { int x, y; };
static struct s a[10];
struct s f(int i) { return a[i]; }
