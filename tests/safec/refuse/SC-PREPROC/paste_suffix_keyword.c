/* SC-PREPROC: the end of a keyword. */
#define MAKE(x) x##_local
static MAKE(thread) int n;
