/* SC-HEAP: a check of a function type. */
#include <cadre/fw.h>
typedef void fn(void);
size_t f(void) { return sizeof(heap_check_type_((fn *)nullptr)); }
