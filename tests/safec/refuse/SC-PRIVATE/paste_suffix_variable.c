/* SC-PRIVATE: a private variable whose end is written out. */
#include <cadre/fw.h>
#define MAKE(x) x##_secret
void f(void) { MAKE(framework) = 7; }
