/* SC-INDEX: struct s t = s[i]. */
struct s { int x, y; };
static struct s a[10];
int f(int i) { struct s t = a[i]; return t.x; }
