/* SC-INDEX: an array inside a returned struct. */
struct s { int a[4]; };
static struct s g(void) { return (struct s){ }; }
int f(int i) { return g().a[i]; }
