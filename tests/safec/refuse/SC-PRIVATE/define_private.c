/* SC-PRIVATE: a private function of the framework's. */
#include <cadre/fw.h>
struct object *heap_alloc(size_t size) { return nullptr; }
