/* SC-PREPROC: out of the tree. */
#include "../../include/cadre/safe.h"
int f(void) { return 0; }
