/* SC-INDEX: the address of an element of a framework array. */
#include <cadre/fw.h>
u32 *f(struct u32_array *a, u32 i) { return &a->items[i]; }
