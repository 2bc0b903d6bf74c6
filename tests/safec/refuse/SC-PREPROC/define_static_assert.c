/* SC-PREPROC: an assertion switched off. */
#define static_assert(...)
int f(void) { return 0; }
