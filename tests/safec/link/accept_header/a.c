/* SC-ODR: one header in two units. */
#include "s.h"
int fa(void) { struct s s = { }; return put(&s) + shared.a; }
