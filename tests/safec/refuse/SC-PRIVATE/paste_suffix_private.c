/* SC-PRIVATE: a private function whose end is written out. */
#include <cadre/fw.h>
#define MAKE(x) x##_alloc
struct object *f(void) { return MAKE(heap)(8); }
