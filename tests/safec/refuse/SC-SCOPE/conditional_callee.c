/* SC-SCOPE: a callee that cannot be seen. */
static int *kept;
static int keep(int *p) { kept = p; return 0; }
static int good(int *__attribute__((annotate("cadre:scoped"))) p) { return *p; }
int f(int c) { int x = 0; return (c ? good : keep)(&x); }
