/* the ways to bound an index before the address of an element is taken. */
#include <cadre/fw.h>
enum { N = 4 };
struct s { int x; };
static struct s a[N];
static void touch(struct s *p) { p->x++; }
struct s *mirrored(u32 i) { if (N <= i) return nullptr; return &a[i]; }
struct s *negated(u32 i) { if (!(i < N)) return nullptr; return &a[i]; }
struct s *asserted(u32 i) { assert(i < N); return &a[i]; }
struct s *in_steps(int i) { if (i < 0) return nullptr; if (i >= N) return nullptr; return &a[i]; }
struct s *otherwise(u32 i) { struct s *p; if (i >= N) { p = nullptr; } else { p = &a[i]; } return p; }
struct s *unknown_enum(enum { K0, K1 } k) { if (k >= N) return nullptr; return &a[k]; }
void down(void) { for (int i = N - 1; i >= 0; i--) touch(&a[i]); }
void up(void) { for (int i = 0; i < N; i += 2) touch(&a[i]); }
bool push(struct s v, u32 *top) { u32 t = *top; if (t >= N) return false; a[t] = v; *top = t + 1; return true; }
