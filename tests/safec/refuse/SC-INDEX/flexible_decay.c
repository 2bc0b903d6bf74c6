/* SC-INDEX: the elements as a bare pointer. */
#include <cadre/fw.h>
u32 *f(struct u32_array *a) { return a->items; }
