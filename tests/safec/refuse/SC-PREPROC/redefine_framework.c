/* SC-PREPROC: a framework macro replaced. */
#include <cadre/fw.h>
#undef ELEM
#define ELEM(a, i) (&(a)[i])
int f(void) { return 0; }
