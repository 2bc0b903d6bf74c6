/* SC-HEAP: a heap type with a cursor deep inside. */
#include <cadre/fw.h>
struct in { struct cursor c; }; struct bad { struct in in[2]; };
OBJECT_DECLARE(bad);
