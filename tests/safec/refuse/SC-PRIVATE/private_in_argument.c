/* SC-PRIVATE: named in a macro's argument. */
#include <cadre/fw.h>
u32 f(void) { return MIN(framework_secret, 3u); }
