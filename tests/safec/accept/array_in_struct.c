/* a heap array's pointer taken into a local first. */
#include <cadre/fw.h>
struct holder { struct u32_array *array; };
u32 f(struct holder *h, u32 i) { struct u32_array *a = h->array; return a != nullptr && i < u32_array_len(a) ? a->items[i] : 0; }
