/* SC-CAST: a cast in the argument of a framework macro. */
#include <cadre/fw.h>
u32 *f(u64 a) { u32 *p = MIN((u32 *)a, (u32 *)a); return p; }
