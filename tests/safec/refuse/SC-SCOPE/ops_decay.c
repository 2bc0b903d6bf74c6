/* SC-SCOPE: an array of marked function pointers decays. */
#include <cadre/safe.h>
typedef int (*reader)(int *scoped p);
static int *kept;
static int keep(int *p) { kept = p; return 0; }
static reader slots[2];
static void set(int (**t)(int *)) { *t = keep; }
int f(void) { int x = 0; set(slots); return slots[0](&x); }
