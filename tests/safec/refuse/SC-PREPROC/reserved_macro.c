/* SC-PREPROC: a name of the compiler's. */
#define __OPTIMIZE__ 1
int f(void) { return 0; }
