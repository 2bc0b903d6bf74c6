/* SC-ODR: one function, other parameters. */
#include "a.h"
int fa(void) { return put(nullptr); }
