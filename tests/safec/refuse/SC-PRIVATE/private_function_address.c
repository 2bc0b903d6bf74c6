/* SC-PRIVATE: its address taken. */
#include <cadre/fw.h>
int f(void) { return heap_alloc != nullptr; }
