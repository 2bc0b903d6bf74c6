/* SC-BUILTIN: a mark of the framework's. */
#include <cadre/safe.h>
struct OPAQUE s { int x; };
