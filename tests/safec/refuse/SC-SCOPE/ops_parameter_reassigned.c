/* SC-SCOPE: a callback parameter reassigned. */
static int *kept;
static int keep(int *p) { kept = p; return 0; }
int f(int (*cb)(int *__attribute__((annotate("cadre:scoped"))) p)) { cb = keep; int x = 0; return cb(&x); }
