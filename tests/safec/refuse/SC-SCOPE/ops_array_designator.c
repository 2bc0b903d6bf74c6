/* SC-SCOPE: an unmarked function by an array designator. */
static int *kept;
static int keep(int *p) { kept = p; return 0; }
static int (*const ops[2])(int *__attribute__((annotate("cadre:scoped"))) p) = { [1] = keep };
int f(void) { int x = 0; return ops[1](&x); }
