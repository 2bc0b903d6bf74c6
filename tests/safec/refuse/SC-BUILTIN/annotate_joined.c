/* SC-BUILTIN: a mark from two literals. */
int f(int *__attribute__((annotate("cadre:" "plain"))) p) { return *p; }
