/* SC-PRIVATE: what no service defines. */
#include "a.h"
void fa(unsigned long x) { arch_write_page_table(x); }
