/* SC-PRIVATE: a framework function declared again. */
#include <cadre/fw.h>
u32 framework_ticks(void);
int f(void) { return 0; }
