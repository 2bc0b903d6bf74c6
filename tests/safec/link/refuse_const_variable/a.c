/* SC-ODR: one variable, const and not. */
#include "a.h"
void fa(void) { limit = 3; }
