/* SC-HEAP: a check of an incomplete type. */
#include <cadre/fw.h>
struct later;
size_t f(void) { return sizeof(heap_check_type_((struct later *)nullptr)); }
