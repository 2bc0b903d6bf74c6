/* SC-INDEX: the index expression assigns the base. */
#include <cadre/fw.h>
u32 f(struct u32_array *a, struct u32_array *b) { return a->items[(a = b, 9)]; }
