/* SC-PRIVATE: a tag of the framework's in a block. */
#include <cadre/fw.h>
int f(void) { struct cbytes { int x; } c = { 1 }; return c.x; }
