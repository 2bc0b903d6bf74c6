/* SC-PREPROC: a raw string literal. */
const char *f(void) { return R"(x)"; }
