/* SC-ODR: two units with the framework headers. */
#include <cadre/fw.h>
void framework_hook(void) { log_info("x", framework_ticks()); }
