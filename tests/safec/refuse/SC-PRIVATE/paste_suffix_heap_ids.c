/* SC-PRIVATE: what the framework's macro defined beside the type. */
#include <cadre/fw.h>
FW_TABLE(thing);
#define MAKE(x) x##_table
void f(void) { MAKE(thing)[0] = 7; }
