/* SC-INDEX: the element macro with an array that decayed. */
#include <cadre/fw.h>
static u32 a[4], b[400];
u32 f(u32 i) { return *ELEM((b, a), i); }
