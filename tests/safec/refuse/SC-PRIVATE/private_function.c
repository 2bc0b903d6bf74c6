/* SC-PRIVATE: a private function called. */
#include <cadre/fw.h>
struct object *f(void) { return heap_alloc(8); }
