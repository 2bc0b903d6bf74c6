/* SC-PREPROC: before the header is read. */
#define bounds_trap(x)
#include <cadre/fw.h>
int f(void) { return 0; }
