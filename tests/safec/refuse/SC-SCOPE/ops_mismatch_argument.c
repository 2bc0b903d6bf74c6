/* SC-SCOPE: the same by passing a callback. */
#include <cadre/safe.h>
static int *kept;
static int call(int (*cb)(int *scoped p)) { int x = 1; return cb(&x); }
static int keep(int *p) { kept = p; return 0; }
int f(void) { return call(keep); }
