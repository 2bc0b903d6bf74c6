/* SC-INDEX: the element macro with a pointer. */
#include <cadre/fw.h>
u32 f(u32 *p, u32 i) { return *ELEM(p, i); }
