/* SC-FORMAT: even without arguments. */
#include <cadre/fw.h>
int f(const char *s) { return old_printf(s); }
