/* SC-ODR: one array, two bounds. */
#include "a.h"
int fa(int i) { return table[i]; }
