/* SC-INDEX: the base changes between check and access. */
#include <cadre/fw.h>
static u32 swap(struct u32_array **scoped a) { *a = nullptr; return 9; }
u32 f(struct u32_array *a) { return a->items[swap(&a)]; }
