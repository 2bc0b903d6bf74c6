/* SC-PREPROC: the next header of that name. */
#include_next <stddef.h>
int f(void) { return 0; }
