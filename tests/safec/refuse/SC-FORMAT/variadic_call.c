/* SC-FORMAT: a call of a variadic function. */
#include <cadre/fw.h>
int f(void) { return old_printf("%s", 5); }
