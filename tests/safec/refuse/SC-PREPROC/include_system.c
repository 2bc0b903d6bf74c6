/* SC-PREPROC: a header of the system. */
#include <stdio.h>
int f(void) { return 0; }
