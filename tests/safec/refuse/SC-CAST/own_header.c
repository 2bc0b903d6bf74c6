/* SC-CAST: a forged pointer in a header. */
#include "own_header.h"
int f(void) { return *forge(4096); }
