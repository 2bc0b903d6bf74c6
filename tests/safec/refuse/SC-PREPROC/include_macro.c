/* SC-PREPROC: a name made by a macro. */
#define HEADER <stddef.h>
#include HEADER
int f(void) { return 0; }
