/* SC-ODR: a private function of the framework defined by a service. */
#include <cadre/fw.h>
u32 fa(void) { return framework_ticks(); }
