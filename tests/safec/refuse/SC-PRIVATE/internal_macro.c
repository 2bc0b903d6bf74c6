/* SC-PRIVATE: a macro with a trailing underscore. */
#include <cadre/fw.h>
struct object *f(u64 x) { return FW_INTERNAL_(x); }
