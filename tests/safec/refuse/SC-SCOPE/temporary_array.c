/* SC-SCOPE: an array inside a returned struct. */
struct s { int a[4]; };
static struct s g(void) { return (struct s){ }; }
int f(void) { int *p = g().a; return *p; }
