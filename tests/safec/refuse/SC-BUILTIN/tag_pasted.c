/* SC-BUILTIN: the tag pasted together. */
#define JOIN(x) btf_##x
int f(int *__attribute__((JOIN(decl_tag)("cadre:scoped"))) p) { return *p; }
