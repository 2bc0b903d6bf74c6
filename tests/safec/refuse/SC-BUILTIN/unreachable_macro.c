/* SC-BUILTIN: the same from stddef.h. */
#include <stddef.h>
int f(int x) { if (x) return 1; unreachable(); }
