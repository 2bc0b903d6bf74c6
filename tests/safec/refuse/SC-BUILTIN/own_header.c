/* SC-BUILTIN: checks switched off in a header. */
#include "own_header.h"
int f(int i) { return unchecked(i); }
