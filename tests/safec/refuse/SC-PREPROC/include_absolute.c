/* SC-PREPROC: an absolute path. */
#include "/usr/include/limits.h"
int f(void) { return 0; }
