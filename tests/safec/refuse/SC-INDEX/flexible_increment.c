/* SC-INDEX: items[i]++ of a framework array. */
#include <cadre/fw.h>
void f(struct u32_array *a, u32 i) { a->items[i]++; }
