/* sizes of arrays. */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
struct s { int x; };
static struct s a[5];
int f(void) { int n = 0; for (unsigned i = 0; i < COUNT(a); i++) n += (&a[i])->x; return n + (int)sizeof(a[9]); }
