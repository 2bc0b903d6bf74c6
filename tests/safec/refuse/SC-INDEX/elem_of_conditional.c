/* SC-INDEX: the element macro with two arrays. */
#include <cadre/fw.h>
static u32 a[4];
u32 f(u32 *p, u32 i) { return *ELEM(i ? p : a, i); }
