/* SC-HEAP: a heap type with a slice. */
#include <cadre/fw.h>
struct bad { u32 n; struct bytes b; };
OBJECT_DECLARE(bad);
