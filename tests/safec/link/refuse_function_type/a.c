/* SC-ODR: one function, two types. */
#include "a.h"
int fa(void) { return *get(1); }
