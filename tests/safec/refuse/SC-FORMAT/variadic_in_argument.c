/* SC-FORMAT: inside a macro's argument. */
#include <cadre/fw.h>
void f(void) { log_info("x", old_printf("%s", 7)); }
