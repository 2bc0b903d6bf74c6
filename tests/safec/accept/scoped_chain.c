/* a local passed down the call chain. */
int inner(const int *__attribute__((annotate("cadre:scoped"))) p) { return *p; }
int outer(int *__attribute__((annotate("cadre:scoped"))) p) { *p += 1; return inner(p); }
int f(void) { int x = 1; int *p = &x; *p = 2; if (x) { int *q = p; x += *q; } return outer(p) + inner(&x); }
