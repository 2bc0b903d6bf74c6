/* SC-PRIVATE: what no service defines. */
#include "a.h"
int fa(void) { return *forged; }
