/* SC-SCOPE: the same through a typedef. */
#include <cadre/safe.h>
static int *kept;
typedef int (*reader)(int *scoped p);
static int keep(int *p) { kept = p; return 0; }
int f(void) { int x = 1; reader r = keep; return r(&x); }
