/* SC-SCOPE: a pointer to a scoped pointer. */
#include <cadre/safe.h>
static void widen(int **scoped pp) { static int g; *pp = &g; }
int f(int *scoped p) { widen(&p); return *p; }
