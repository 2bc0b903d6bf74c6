/* SC-SCOPE: the same by assignment. */
#include <cadre/safe.h>
static int *kept;
static int (*op)(int *scoped p);
static int keep(int *p) { kept = p; return 0; }
int f(void) { int x = 1; op = keep; return op(&x); }
