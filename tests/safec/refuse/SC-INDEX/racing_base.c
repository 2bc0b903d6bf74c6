/* SC-INDEX: a framework array whose base is read twice. */
#include <cadre/fw.h>
struct holder { struct u32_array *array; };
u32 f(struct holder *h, u32 i) { return h->array->items[i]; }
