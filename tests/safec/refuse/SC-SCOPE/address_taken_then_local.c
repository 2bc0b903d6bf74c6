/* SC-SCOPE: a pointer whose address is taken holds a local. */
#include <cadre/safe.h>
static int *kept;
static void keep(int **scoped pp) { kept = *pp; }
void f(void) { int x = 1; int *p = &x; keep(&p); }
