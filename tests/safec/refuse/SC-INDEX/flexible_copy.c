/* SC-INDEX: a struct copied out of a framework array. */
#include <cadre/fw.h>
struct item { u32 a, b; };
ARRAY_DECLARE(item_array, struct item);
u32 f(struct item_array *a, u32 i) { struct item x = a->items[i]; return x.a; }
