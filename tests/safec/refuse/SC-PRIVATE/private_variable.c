/* SC-PRIVATE: a private variable. */
#include <cadre/fw.h>
u32 f(void) { return framework_secret; }
