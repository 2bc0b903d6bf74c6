/* SC-ODR: one variable, two types. */
#include "a.h"
int fa(void) { return *shared; }
