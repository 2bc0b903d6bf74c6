/* SC-FORMAT: a local's address. */
#include <cadre/fw.h>
int f(void) { int x = 0; return old_printf("%n", &x); }
