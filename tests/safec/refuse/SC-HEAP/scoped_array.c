/* SC-HEAP: an array of slices as elements. */
#include <cadre/fw.h>
size_t f(void) { return sizeof(heap_check_type_((struct bytes *)nullptr)); }
