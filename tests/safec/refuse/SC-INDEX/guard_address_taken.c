/* SC-INDEX: the index can change behind the check. */
#include <cadre/safe.h>
static int a[10];
static void poke(unsigned *scoped p) { *p = 50; }
int *f(unsigned i) { if (i >= 10) return nullptr; poke(&i); return &a[i]; }
