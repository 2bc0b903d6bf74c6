/* SC-ODR: one function, another scoped mark. */
#include "a.h"
int fa(void) { int x = 1; return put(&x); }
