/* SC-SCOPE: the mark spelled out. */
int *f(int *__attribute__((annotate("cadre:scoped"))) p) { return p; }
