/* SC-FORMAT: through a pointer. */
#include <cadre/fw.h>
int f(void) { auto p = old_printf; return p("%n", 0); }
