/* SC-INDEX: the assertion is about something else. */
#include <cadre/fw.h>
static u32 a[4];
u32 *f(u32 i, u32 j) { assert(j < 4); return &a[i]; }
