/* SC-BUILTIN: the tag that a mark is, spelled out by a service: 'scoped' is the word for it. */
int f(int *__attribute__((btf_decl_tag("cadre:scoped"))) p) { return *p; }
