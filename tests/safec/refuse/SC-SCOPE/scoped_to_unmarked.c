/* SC-SCOPE: a scoped parameter to an unmarked one. */
#include <cadre/safe.h>
static int *kept;
static void keep(int *p) { kept = p; }
void f(int *scoped p) { keep(p); }
