/* SC-PRIVATE: what no service defines. */
#include "a.h"
void fa(void) { }
