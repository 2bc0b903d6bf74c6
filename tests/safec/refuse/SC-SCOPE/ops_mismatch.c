/* SC-SCOPE: an unmarked function in a marked slot. */
#include <cadre/safe.h>
static int *kept;
struct ops { int (*read)(int *scoped p); };
static int keep(int *p) { kept = p; return 0; }
static const struct ops o = { .read = keep };
int f(void) { int x = 1; return o.read(&x); }
