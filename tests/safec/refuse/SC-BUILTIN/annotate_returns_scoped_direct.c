/* SC-BUILTIN: the same spelled out. */
__attribute__((annotate("cadre:returns_scoped"))) int *f(int *__attribute__((annotate("cadre:scoped"))) p) { return p; }
