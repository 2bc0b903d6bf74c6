/* SC-PREPROC: the end of a macro of the framework's. */
#include <cadre/fw.h>
#define MAKE(x) x##_info
void f(void) { MAKE(log)("", 1); }
