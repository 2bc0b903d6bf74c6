/* SC-INIT: itself through a framework macro. */
#include <cadre/fw.h>
u32 f(void) { u32 x = MIN(x, 3u); return x; }
