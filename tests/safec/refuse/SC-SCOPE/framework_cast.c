/* SC-SCOPE: a framework macro's cast keeps the depth. */
#include <cadre/fw.h>
struct s { u32 x; };
struct object *f(void) { struct s s = { }; return FW_LOCAL_OBJECT(s); }
