/* SC-INDEX: (p->items)[i] is not checked at all. */
#include <cadre/fw.h>
u32 f(struct u32_array *a, u32 i) { return (a->items)[i]; }
