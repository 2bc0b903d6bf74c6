/* elements copied under a bounded counter. */
struct s { int x, y; };
enum { N = 6 };
static struct s a[N], b[N];
void f(void) { for (unsigned i = 0; i < N; i++) a[i] = b[i]; }
void sort(void) { for (int i = 0; i + 1 < N; i++) for (int j = 0; j < N - 1; j++) if (j < N - 1 && a[j].x > a[j + 1].x) { int t = a[j].x; a[j].x = a[j + 1].x; a[j + 1].x = t; } }
