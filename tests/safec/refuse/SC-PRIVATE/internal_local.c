/* SC-PRIVATE: a local in the body of a framework macro. */
#include <cadre/fw.h>
u32 f(u32 a) { return MIN(a, min_a_ + 1); }
