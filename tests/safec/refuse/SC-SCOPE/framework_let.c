/* SC-SCOPE: a framework macro's variable. */
#include <cadre/fw.h>
u32 *f(void) { u32 x = 1; FW_LET(p, &x); return p; }
