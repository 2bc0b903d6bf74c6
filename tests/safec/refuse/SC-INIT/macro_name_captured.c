/* SC-INIT: the macro's own variable named in its argument. */
#include <cadre/fw.h>
static u32 min_b;
u32 f(u32 x) { return MIN(x, min_b_); }
