/* SC-PREPROC: memory functions. */
#include <string.h>
int f(void) { return 0; }
