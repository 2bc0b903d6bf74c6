/* SC-SCOPE: the same by position. */
#include <cadre/safe.h>
static int *kept;
struct ops { int (*read)(int *scoped p); };
static int keep(int *p) { kept = p; return 0; }
static const struct ops o = { keep };
int f(void) { int x = 1; return o.read(&x); }
