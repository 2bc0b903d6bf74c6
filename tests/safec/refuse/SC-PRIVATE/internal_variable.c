/* SC-PRIVATE: the ids that a framework macro keeps beside a type, under a name that ends in an underscore. */
#include <cadre/fw.h>
FW_TABLE(thing);
void f(void) { thing_heap_ids_[0] = 7; }
