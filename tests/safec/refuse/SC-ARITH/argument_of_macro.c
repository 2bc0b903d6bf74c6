/* SC-ARITH: arithmetic in the argument of a framework macro. */
#include <cadre/fw.h>
u32 f(u32 *p) { return *MIN(p + 1, p + 2); }
